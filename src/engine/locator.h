// Finds llama-server and learns what this version of it understands.
//
// llama.cpp releases every few weeks, renames options and removes others, so none is assumed: its
// own --help says which exist. A gate that finds no llama-server still runs; only local models are
// unavailable, with a sentence on how to change that.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::engine {

inline constexpr std::int64_t kQuestionTimeoutNanos = 10'000'000'000;  // for --version and --help
inline constexpr std::size_t kHelpBytesMax = 1024 * 1024;

// The options that a `llama-server --help` lists, by every spelling: "-c", "--ctx-size".
using OptionNames = std::set<std::string, std::less<>>;
OptionNames ParseHelp(std::string_view help);
// "0.7.0 (build 11669, commit Debian)" of the output of --version; empty when there is no such
// line.
std::string ParseVersion(std::string_view output);

struct EngineBinary {
  std::string path;
  std::string version;
  OptionNames options;
  bool unix_sockets = false;  // --host takes the path of a socket
  // What it and the programs beside it are run with: "NAME=value", nothing else is inherited.
  std::vector<std::string> environment = {};
};

struct LocatorOptions {
  std::string configured_path;                // wins when not empty
  std::string search_path;                    // the PATH variable
  std::string private_prefix;                 // where `tidegate engine install` puts it
  std::vector<std::string> environment = {};  // see EngineBinary
  // From PATH, XDG_DATA_HOME and HOME. `variables`: see child_environment.h.
  static LocatorOptions FromEnvironment(std::string configured_path,
                                        const std::vector<std::string>& variables = {});
};

// ${XDG_DATA_HOME:-~/.local/share}/tidegate/engine; empty when neither variable is set.
std::string DefaultEnginePrefix();

// Thread-safe. Asking llama-server costs about 50 ms; the answer is kept until the file changes
// (path, time, size).
class Locator {
 public:
  explicit Locator(LocatorOptions options) : options_(std::move(options)) {}
  // May block for two runs of llama-server; children start from the calling thread. Errors:
  // kUnavailable with reason "engine_not_installed", or "engine_broken" when it is there and does
  // not run.
  Result<EngineBinary> Locate();
  // The program that Locate would ask, in a few calls of stat: another text for another build.
  // Empty when there is none.
  std::string Stamp() const;

 private:
  struct Identity {
    std::string path;
    std::int64_t modified_nanos = 0;
    std::int64_t size_bytes = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  static std::optional<Identity> Identify(const std::string& path);
  Result<Identity> Find() const;

  const LocatorOptions options_;
  std::mutex mutex_;
  std::optional<Identity> known_;  // guarded by mutex_
  EngineBinary binary_;            // of known_; guarded by mutex_
};

}  // namespace tidegate::engine
