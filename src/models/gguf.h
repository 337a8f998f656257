// Reads what a model file says about itself: GGUF, the format of llama.cpp, header and tensor table
// only.
//
// A model file comes from the internet and is read by us before llama-server sees it, so every
// count, length and offset in it is hostile until checked: against the limits below, against what
// is left of the file, and with arithmetic that cannot wrap. Nothing is allocated for a length that
// the file merely claims. Format: docs/gguf.md of ggml; versions 2 and 3, little-endian, which is
// what llama.cpp loads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace tidegate::models {

inline constexpr std::uint64_t kGgufStringBytesMax = 16 * 1024 * 1024;
inline constexpr std::uint64_t kGgufKeyBytesMax = 65'535;
inline constexpr std::uint64_t kGgufTensorNameBytesMax = 63;
inline constexpr std::uint64_t kGgufArrayElementsMax = 64 * 1024 * 1024;
inline constexpr std::uint64_t kGgufKeysMax = 65'536;
inline constexpr std::uint64_t kGgufTensorsMax = 1'048'576;
// Header, keys and tensor table.
inline constexpr std::uint64_t kGgufMetadataBytesMax = 256 * 1024 * 1024;
inline constexpr std::uint64_t kGgufAlignmentMax = 1024 * 1024;
inline constexpr std::uint32_t kGgufDimensionsMax = 4;
// Of a name or architecture that is kept.
inline constexpr std::uint64_t kGgufDisplayBytesMax = 256;

enum class GgufPooling : std::uint8_t { kNone, kEmbedding, kRank };

struct GgufMetadata {
  std::uint32_t version = 0;
  // "llama", "qwen3", "bert", …; empty only in later parts of a split model.
  std::string architecture;
  std::string type;  // "model", "adapter", "mmproj", …; "model" when the file does not say
  std::string name;  // as the author wrote it; may be empty
  std::string quantisation;      // "Q4_K_M", "F16", …; "unknown" when the file does not say
  std::uint64_t parameters = 0;  // elements of all tensors of this file
  std::uint64_t tensor_count = 0;
  std::uint64_t tensor_bytes = 0;
  std::uint64_t context_tokens = 0;  // trained context; 0 = the file does not say
  bool has_chat_template = false;
  bool template_uses_tools = false;      // a guess from the template's text: it looks at `tools`
  bool template_uses_reasoning = false;  // likewise: it knows of thinking
  // Not kNone: an embedding or reranking model, which does not chat.
  GgufPooling pooling = GgufPooling::kNone;
  std::uint32_t split_count = 1;  // files that this model is spread over
  std::uint32_t split_index = 0;  // of this file, from 0
};

// Where the bytes come from.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `into` from `offset`. REQUIRES: offset + into.size() <= size(). Errors: kUnavailable (it
  // cannot be read).
  virtual Result<void> Read(std::uint64_t offset, std::span<char> into) = 0;
};

// Errors: kInvalidArgument with a sentence on what is wrong and where; those of the source.
Result<GgufMetadata> ReadGguf(ByteSource& source);
// Also kNotFound and kPermissionDenied, of opening.
Result<GgufMetadata> ReadGgufFile(const std::string& path);

}  // namespace tidegate::models
