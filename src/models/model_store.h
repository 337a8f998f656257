// The models that this machine has: names, each a manifest, and the blobs that manifests name.
//
// The folder is laid out as Ollama's (manifest_files.h), so that either program serves what the
// other pulled. Two things of ours lie beside it, where Ollama does not look:
//
//   provenance/<host>/<namespace>/<model>/<tag>     where it came from
//   tidegate.lock                                   held while names change
//
// A name never means a model that is not whole: its manifest is written, durably and at once, after
// every blob it names was found. A blob is removed only while no manifest names it and nobody holds
// a pin on it (blobs.h); one that should go and is held goes when its last holder has let go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "models/blobs.h"
#include "models/digest.h"
#include "models/manifest.h"
#include "models/manifest_files.h"
#include "models/model_name.h"
#include "models/provenance.h"

namespace tidegate::models {

// A partial file that nobody has written to for so long is no longer waited for.
inline constexpr std::int64_t kPartialKeepSeconds = 7 * 86'400;
// A blob that no manifest names may belong to a pull that is not through, by a program that knows
// nothing of pins. Only an older one is garbage.
inline constexpr std::int64_t kFreshBlobSeconds = 86'400;
inline constexpr std::size_t kBlobFilesMax = 262'144;
inline constexpr std::size_t kPinnedBlobsMax = 256;
// How long names may be held by another process that changes one.
inline constexpr std::int64_t kStoreLockWaitMillis = 10'000;

// Bytes that came for an upload or an archive under a name of chance: whoever lets go of them can
// never come back for them. So long, since a file is there before it is locked.
inline constexpr std::int64_t kUploadKeepSeconds = 60;

// What may be cleared away, by how long ago it changed.
struct CollectRules {
  std::int64_t blobs_keep_s = kFreshBlobSeconds;       // that no manifest names
  std::int64_t partials_keep_s = kPartialKeepSeconds;  // and what was set aside
  // Partial files of Ollama, which does not lock those that it is writing.
  std::int64_t others_partials_keep_s = kPartialKeepSeconds;
  bool only_tell = false;  // nothing is removed
};

enum class LeftoverKind : std::uint8_t { kBlob, kPartial, kDamaged };
struct Leftover {
  LeftoverKind kind;
  std::string name;  // in blobs/
  std::uint64_t bytes = 0;
};

struct CollectReport {
  std::size_t blobs = 0, partials = 0;  // removed; among partials, what was set aside
  std::uint64_t bytes = 0;              // of both
  std::size_t in_use = 0;               // would have been removed, but somebody holds them
  std::vector<std::string> unknown;     // names in blobs/ that mean nothing here; left alone
  std::vector<Leftover> removed = {};   // by Collect: each of both, in order
  // Why blobs were left that nothing may need.
  std::optional<Error> held_back = {};
};

struct SetAsideReport {
  std::vector<Digest> moved, in_use;
};

struct VerifyReport {
  std::size_t models = 0, blobs = 0;    // looked at
  std::uint64_t bytes = 0;              // hashed
  std::vector<StoreProblem> manifests;  // that cannot be read
  struct Fault {
    Digest digest;
    std::vector<ModelName> models;  // that need it; none for a blob that nobody needs
    std::uint64_t bytes = 0;        // of the file; what a manifest says where there is none
    bool misstated = false;         // the bytes are right, and a manifest says another number
  };
  std::vector<Fault> intact;   // that some model needs
  std::vector<Fault> damaged;  // bytes of another digest, or not as many as a manifest says
  std::vector<Fault> missing;
  std::vector<Digest> unreferenced;  // in order, and no model needs them
};
struct VerifyProgress {
  std::uint64_t bytes_total = 0, bytes_done = 0;
};

// Every call blocks on the disk. Thread-safe, and safe beside other processes. Errors of all:
// kNotFound "model 'x' not found", kUnavailable and kPermissionDenied of the disk, and for those
// that change names kConflict while another process holds them for too long.
class ModelStore {
 public:
  // Made by the first write.
  explicit ModelStore(std::string root);
  ModelStore(ModelStore&&) noexcept;
  ~ModelStore();

  const std::string& root() const { return root_; }
  // The file whose time of change is that of the latest change of names, by whatever process.
  std::string LockPath() const;
  Blobs& blobs() { return blobs_; }
  const Blobs& blobs() const { return blobs_; }

  StoreListing List() const { return files_.List(); }
  Result<StoredModel> Find(const ModelName& name) const;
  // The bytes whose SHA-256 is the model's id.
  Result<std::string> ManifestBytes(const ModelName& name) const;
  // What is known of where the manifest that the name means now came from.
  Result<std::optional<Provenance>> ProvenanceOf(const ModelName& name) const;

  // The name means this manifest from now on. Blobs that it meant before and that nothing else
  // needs are removed. Provenance::manifest is filled in, and so is the licence
  // where it is empty and the blobs say it. Errors: those of ParseManifest;
  // kInvalidArgument for a list of manifests; kConflict with reason "blob_missing" or
  // "blob_damaged" when a blob is not there or has another size.
  Result<void> Put(const ModelName& name, std::string_view manifest_bytes, Provenance provenance);
  // The provenance goes along.
  Result<void> Copy(const ModelName& from, const ModelName& to);
  // With its blobs that nothing else needs. It also removes a name whose manifest is damaged. While
  // another manifest cannot be read the name goes and the blobs stay: `held_back` says so.
  Result<CollectReport> Remove(const ModelName& name);

  // Whoever runs a model, or fetches one whose manifest is not written yet, holds its blobs so.
  // Errors: kConflict with reason "blob_missing". REQUIRES: at most kPinnedBlobsMax.
  Result<Pin> PinBlobs(std::span<const Digest> digests) const;
  // Removes those of the blobs that no manifest names and nobody holds, however new.
  Result<CollectReport> DropUnused(std::span<const Digest> digests);
  // Of those that should have gone with a name and were held by somebody. Quick when there is none.
  Result<CollectReport> DropReleased();
  // Removes what is left behind: blobs that no manifest names, partial files, what was set aside,
  // drafts. `now_s` is since 1970. While a manifest cannot be read no blob is removed: `held_back`
  // has the reason "manifest_unreadable".
  Result<CollectReport> Collect(std::int64_t now_s, const CollectRules& rules = {});

  // Reads every manifest and every byte of every blob, or of those of `only` alone. `progress` is
  // called for each MiB or so. Errors: kCancelled after `stop` was asked for; kNotFound for `only`.
  using TellVerified = std::function<void(const VerifyProgress&)>;
  Result<VerifyReport> Verify(const TellVerified& progress, const std::stop_token& stop,
                              const std::optional<ModelName>& only = {}) const;
  // Damaged blobs lose their names, so that the next pull fetches them; see Blobs::SetAside.
  Result<SetAsideReport> SetAside(std::span<const Digest> digests);

 private:
  Result<UniqueFd> Lock();
  Result<void> CheckBlobs(const Manifest& manifest) const;
  Result<void> WriteLocked(const ModelName& name, std::string_view bytes, Provenance provenance);
  Result<CollectReport> DropLocked(std::span<const Digest> digests);
  // False when somebody holds it.
  Result<bool> RemoveBlob(const std::string& file_name, CollectReport& report,
                          bool only_tell = false);

  std::string root_;
  Blobs blobs_;
  ManifestFiles files_;
  struct Released;
  std::unique_ptr<Released> released_;  // what DropReleased looks at
};

}  // namespace tidegate::models
