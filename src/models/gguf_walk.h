// Walks through the header of a model file, key by key and tensor by tensor, and checks it on the
// way: what a visitor is shown is within the limits of gguf.h and lies inside the file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/gguf_format.h"
#include "models/gguf_source.h"

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

// One value, of a key or of an array's element.
struct GgufScalar {
  std::uint32_t type = kGgufTypes;
  std::uint64_t integer = 0;  // of an integer or a truth value; negative ones are huge
  double real = 0;            // of F32 and F64
  std::string text;           // of a string

  bool IsInteger() const { return IsGgufInteger(type); }
};

struct GgufTensor {
  std::string name;
  std::uint32_t type = 0;  // TensorTypeOf(type) has a name
  std::uint32_t dimension_count = 0;
  std::array<std::uint64_t, kGgufDimensionsMax> dimensions = {};
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;
};

class GgufVisitor {
 public:
  virtual ~GgufVisitor() = default;
  virtual Result<void> OnHeader(std::uint32_t /*version*/, std::uint64_t /*tensors*/) { return {}; }
  virtual Result<void> OnValue(std::string_view key, GgufScalar value) = 0;
  // How many of an array's elements, from its first, OnElement shall be called for. No element is
  // an array.
  virtual Result<std::uint64_t> OnArray(std::string_view key, std::uint32_t type,
                                        std::uint64_t count) = 0;
  // `value` may be moved from.
  virtual Result<void> OnElement(GgufScalar& value) = 0;
  // After the last key, before the first tensor.
  virtual Result<void> OnKeysEnd() { return {}; }
  virtual Result<void> OnTensor(const GgufTensor& tensor) = 0;
};

// "not a usable GGUF file: …", kInvalidArgument.
Error MalformedGguf(std::string what);

// Errors: kInvalidArgument with a sentence on what is wrong and where; those of the source and of
// the visitor, which end the walk.
Result<void> WalkGguf(ByteSource& source, GgufVisitor& visitor);

}  // namespace tidegate::models
