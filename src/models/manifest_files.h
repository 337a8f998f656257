// The manifests of a folder that is laid out as Ollama's: which names there are, and what each
// means. Reads only.
//
//   manifests/<host>/<namespace>/<model>/<tag>      a manifest
//   manifests-v2/<host>/<namespace>/<model>/<tag>   what Ollama began to write in 2026, and what
//                                                   counts where both exist: a manifest, or a link
//                                                   to the blob that is one; it may be a list of
//                                                   forms
//   blobs/sha256-<hex>
//
// Such a link is not followed: it names a digest, and the blob of that digest is read and checked.
// Any other link, and whatever has a name that no model has, is a problem that is reported and left
// alone. Only the root and blobs/ may be links, since people put these on other disks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/blobs.h"
#include "models/digest.h"
#include "models/looked_at.h"
#include "models/manifest.h"
#include "models/model_name.h"

namespace tidegate::models {

inline constexpr std::size_t kStoredModelsMax = 4'096;
inline constexpr std::string_view kManifestsFolder = "manifests";
inline constexpr std::string_view kLinkedManifestsFolder = "manifests-v2";

// A file or folder that cannot be used, and why.
struct StoreProblem {
  std::string path;
  Error error;
};

struct StoredModel {
  ModelName name;
  Digest digest;                // of the manifest's bytes: the model's id
  std::int64_t modified_s = 0;  // of the manifest, since 1970
  Manifest manifest;            // of a list, the form for llama.cpp
};

struct StoreListing {
  std::vector<StoredModel> models;  // sorted by name
  std::vector<StoreProblem> problems;
  LookedAt looked_at = {};  // folders and manifests
};

// Blocks on the disk. Thread-safe.
class ManifestFiles {
 public:
  // `root` may be missing.
  explicit ManifestFiles(std::string root);

  StoreListing List() const;

  struct File {
    ModelName name;
    std::string path;
    std::string bytes;
    Digest digest;
    std::int64_t modified_s = 0;
  };
  // Errors: kNotFound when there is no such model; kInvalidArgument when a link or a directory is
  // in its place; those of the disk.
  Result<File> Read(const ModelName& name) const;
  // What the bytes mean. Errors: those of ParseManifest; kNotFound when a list has no form for us.
  Result<StoredModel> Interpret(const File& file) const;

  // Every blob that some name needs, for whatever program. Errors: of the first manifest that
  // cannot be read, since nobody knows what it needs.
  Result<std::vector<Digest>> References() const;
  // Those of one manifest.
  Result<std::vector<Digest>> References(const File& file) const;

 private:
  // One after the other, so that only one is in memory. Adds to what `found` has, but no models.
  void ForEach(StoreListing& found, const std::function<void(const File&)>& visit) const;
  Result<File> ReadIn(std::string_view tree, const ModelName& name) const;

  std::string root_;
  Blobs blobs_;
};

}  // namespace tidegate::models
