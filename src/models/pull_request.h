// What is to be pulled: a model of a registry, or a single file at a URL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/blobs.h"
#include "models/download_target.h"
#include "models/gguf.h"
#include "models/model_name.h"

namespace tidegate::models {

struct PullRequest {
  ModelName name;                     // what it is called afterwards
  std::optional<DownloadTarget> url;  // absent: the registry that the name names has it
  std::optional<Digest> digest = {};  // of the file at the URL, where it was given with it
};

// A name, or "https://host/path/file.gguf", which becomes host/files/file:latest; the URL may end
// in
// "#sha256=<hex>", what the file must be. Errors: kInvalidArgument with `field`.
Result<PullRequest> ParsePullRequest(std::string_view text, std::string field);

// What a file at a URL must be: a whole model. Blocks on the disk. Errors: those of ReadGgufFile;
// kInvalidArgument.
Result<GgufMetadata> CheckModelFile(const std::string& path);

// The manifest of a model that is one file, with its config among the blobs. Blocks on the disk.
// Errors: kUnavailable.
Result<std::string> MakeFileManifest(Blobs& blobs, const Digest& file, std::uint64_t size,
                                     const GgufMetadata& metadata);

}  // namespace tidegate::models
