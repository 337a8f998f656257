// Numbers of the GGUF format: value types, tensor types and file types. Format: docs/gguf.md and
// ggml.h of ggml.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::models {

// Types of metadata values.
enum GgufType : std::uint32_t {
  kGgufU8,
  kGgufI8,
  kGgufU16,
  kGgufI16,
  kGgufU32,
  kGgufI32,
  kGgufF32,
  kGgufBool,
  kGgufString,
  kGgufArray,
  kGgufU64,
  kGgufI64,
  kGgufF64,
  kGgufTypes  // how many there are; in a GgufScalar: no value
};

constexpr bool IsGgufInteger(std::uint32_t type) {
  return type <= kGgufI32 || type == kGgufU64 || type == kGgufI64;
}
// Of a value of fixed size; 0 for strings and arrays. REQUIRES: type < kGgufTypes.
std::uint32_t GgufValueBytes(std::uint32_t type);

// A type of tensor elements: so many elements are stored together in so many bytes.
struct TensorType {
  std::string_view name;  // "Q4_K"; empty = no such type
  std::uint32_t block_elements = 0;
  std::uint32_t block_bytes = 0;
};
// By ggml's number; one without a name for a number that is unknown or was taken out of the format.
TensorType TensorTypeOf(std::uint32_t number);
inline constexpr std::uint32_t kTensorTypes = 42;  // numbers below this may be known

// "Q4_K_M" of general.file_type; "unknown" for others.
std::string FileTypeName(std::uint64_t number);

}  // namespace tidegate::models
