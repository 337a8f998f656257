// What the command line needs from the layers above it, as functions.
//
// Most commands only speak HTTP with a running gate, so cli/ knows base, json and net and nothing
// else. The rest (serving, checking a configuration, looking for the engine) is supplied by app/
// through LocalServices, and a test can play every part.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/modelfile.h"
#include "net/address.h"

namespace tidegate::cli {

struct Console;

struct ServeOptions {
  std::string config_path;          // empty = the default place
  std::vector<std::string> listen;  // not empty = instead of the configuration's
};

enum class CheckState : std::uint8_t { kOk, kWarn, kFail };

// One line of `tidegate doctor`.
struct Check {
  std::string name;  // what was looked at: "configuration", "engine", …
  CheckState state = CheckState::kOk;
  std::string why;  // what was found, one sentence
  std::string fix;  // what to do about it; empty when there is nothing to do
};

// One setting of `tidegate config check`.
struct SettingReport {
  std::string setting;  // "policies.work.privacy"
  std::string
      value;  // as in the file; never a secret, only where it is kept ("env:OPENAI_API_KEY")
  std::string source;  // "file", "environment", "flag" or "default", with the line or name if known
  std::string problem;  // empty = none
  std::string fix;
};

struct ConfigReport {
  std::string path;    // the file that was read, or would be
  bool found = false;  // there is such a file
  std::vector<SettingReport> settings;
};

struct EngineReport {
  bool found = false;
  std::string path, version;
  std::string why;             // not found: one sentence
  std::string install_prefix;  // where `engine install` would put it
};

struct EngineInstallOptions {
  std::string prefix;  // empty = the default one
  bool upgrade = false;
};

// What a long job tells of itself, as Ollama's API tells it.
struct TransferStatus {
  std::string status;                     // "pulling 8eeb52dfb3bb", "verifying sha256 digest"
  std::string digest;                     // of the file that it is about, or empty
  std::int64_t total = 0, completed = 0;  // bytes of that file
};
using TransferFunction = std::function<void(const TransferStatus&)>;

enum class BlobState : std::uint8_t {
  kGood,
  kMissing,
  kDamaged,
  kSetAside,    // was damaged, and is no longer in the way of a pull
  kUnreadable,  // a manifest: nobody knows which files it means
  kUnknown,     // nothing says which digest it should have
};

struct VerifyOptions {
  std::string model;  // empty = every model of the store
  bool repair = false;
  std::string config_path;  // empty = the default place, as in the next ones
};

// One file of a model, read again and compared with the digest that it is kept under; or a manifest
// that cannot be read.
struct VerifiedBlob {
  std::vector<std::string> models;  // all that use it; empty for none
  std::string digest;               // "sha256:…"; empty for a manifest
  std::int64_t bytes = 0;
  BlobState state = BlobState::kGood;
  std::string problem;    // what is wrong and what to do, when it is not good
  std::string path = {};  // where it is not called after its digest
};

struct ImportOptions {
  std::string path;    // a GGUF file, or an archive that `export` has made
  std::string name;    // of the model; empty = as the archive or the file is called
  std::string signer;  // who signed it, as the user says; empty = nobody is said to have
  std::string config_path = {};
};
struct ImportedModel {
  std::string name, digest;  // the digest of its manifest
  std::int64_t bytes = 0;
};

struct ExportOptions {
  std::string model;
  std::string path;  // is made; never overwritten
  std::string config_path = {};
};
struct ExportedModel {
  std::int64_t bytes = 0;  // of the archive
};

struct PruneOptions {
  bool all = false;      // also what may still be needed by somebody who is at work
  bool dry_run = false;  // tell only
  std::string config_path;
};
struct PrunedFile {
  std::string name, why;
  std::int64_t bytes = 0;
};
struct PruneReport {
  std::vector<PrunedFile> files;
  std::int64_t bytes = 0;   // of all of them
  std::int64_t in_use = 0;  // files that were left since somebody holds them
  std::string held_back;    // why more was left; empty = nothing was
};

// A gate inside this process, for the time of one command.
struct GateHandle {
  net::Origin origin;
  std::function<void()>
      stop;  // called once, from the thread that got the handle; blocks until it has stopped
};

// All functions are called on the main thread, may block, and must be set.
struct LocalServices {
  std::string version;  // of the program: "0.1.0"
  // Where a gate is when nothing else is said, as --host takes it: by the configuration, else
  // "127.0.0.1:11435".
  std::function<std::string()> default_host;

  std::function<int(const ServeOptions&)> serve;  // returns the exit code
  std::function<int(Console&)> demo;              // likewise
  std::function<ConfigReport(const std::string& path)>
      check_config;  // empty path = the default one
  std::function<std::vector<Check>()> doctor_checks;
  std::function<EngineReport()> engine_status;
  // Returns the path of the engine. `progress` gets one line at a time, on the calling thread.
  std::function<Result<std::string>(const EngineInstallOptions&,
                                    const std::function<void(std::string_view)>& progress)>
      engine_install;
  // The models of this device. `progress` is called on the calling thread. Errors of the four:
  // kNotFound (model, file), kInvalidArgument (no model in the file), kConflict (there is one
  // already), kUnavailable (disk), kCancelled (a signal; nothing is left behind then).
  std::function<Result<std::vector<VerifiedBlob>>(const VerifyOptions&,
                                                  const TransferFunction& progress)>
      verify_models;
  std::function<Result<PruneReport>(const PruneOptions&)> prune_store;
  std::function<Result<ImportedModel>(const ImportOptions&, const TransferFunction& progress)>
      import_model;
  std::function<Result<ExportedModel>(const ExportOptions&, const TransferFunction& progress)>
      export_model;
  // What a Modelfile says. Errors: kInvalidArgument that begins with the line: "Modelfile line 3:
  // …"; kTooLarge.
  std::function<Result<Modelfile>(std::string_view text)> read_modelfile;
  // Starts a gate with the user's own configuration on an address that nobody else uses.
  std::function<Result<GateHandle>()> start_gate;
};

}  // namespace tidegate::cli
