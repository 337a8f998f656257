// Everything that a model file says about itself, as JSON, for whoever wants to look.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "models/gguf_source.h"

namespace tidegate::models {

// Of all values and tensors together, as JSON.
inline constexpr std::size_t kGgufInfoBytesMax = 64 * 1024 * 1024;
// Longer lists (the vocabulary, its merges) are left empty unless everything is asked for.
inline constexpr std::uint64_t kGgufInfoElementsMax = 5;

struct GgufTensorInfo {
  std::string name;
  std::string type;                       // "Q4_K"
  std::vector<std::uint64_t> dimensions;  // of a row first, as the file orders them
};

struct GgufInfo {
  // Key and JSON text of its value, in the order of the file. Bytes that are not UTF-8 become
  // U+FFFD; numbers that JSON lacks are null.
  std::vector<std::pair<std::string, std::string>> values;
  std::vector<GgufTensorInfo> tensors;
};

struct GgufInfoOptions {
  bool whole_lists = false;
  bool tensors = false;
};

// Errors: those of WalkGguf; kTooLarge when the values take more than kGgufInfoBytesMax.
Result<GgufInfo> ReadGgufInfo(ByteSource& source, const GgufInfoOptions& options);
Result<GgufInfo> ReadGgufInfoFile(const std::string& path, const GgufInfoOptions& options);

}  // namespace tidegate::models
