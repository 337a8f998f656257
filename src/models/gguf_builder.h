// Writes GGUF bytes piece by piece, right or wrong on purpose. For tests only.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "models/gguf.h"

namespace tidegate::models {

class GgufBuilder {
 public:
  // A header with the number of keys and tensors that will follow, or any other numbers.
  GgufBuilder(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) {
    bytes_ = "GGUF";
    Raw(version).Raw(tensors).Raw(keys);
  }

  template <typename T>
  GgufBuilder& Raw(T value) {
    char copy[sizeof value];
    std::memcpy(copy, &value, sizeof value);
    bytes_.append(copy, sizeof value);
    return *this;
  }
  GgufBuilder& Text(std::string_view text) {
    Raw<std::uint64_t>(text.size());
    bytes_ += text;
    return *this;
  }
  GgufBuilder& Key(std::string_view key, std::uint32_t type) { return Text(key).Raw(type); }
  GgufBuilder& KeyText(std::string_view key, std::string_view value) {
    return Key(key, kGgufString).Text(value);
  }
  GgufBuilder& KeyU32(std::string_view key, std::uint32_t value) {
    return Key(key, kGgufU32).Raw(value);
  }
  GgufBuilder& KeyBool(std::string_view key, bool value) {
    return Key(key, kGgufBool).Raw<std::uint8_t>(value ? 1 : 0);
  }
  GgufBuilder& KeyTexts(std::string_view key, std::initializer_list<std::string_view> values) {
    Key(key, kGgufArray).Raw<std::uint32_t>(kGgufString).Raw<std::uint64_t>(values.size());
    for (const std::string_view value : values) Text(value);
    return *this;
  }
  GgufBuilder& KeyNumbers(std::string_view key, std::initializer_list<std::uint32_t> values) {
    Key(key, kGgufArray).Raw<std::uint32_t>(kGgufU32).Raw<std::uint64_t>(values.size());
    for (const std::uint32_t value : values) Raw(value);
    return *this;
  }
  GgufBuilder& Tensor(std::string_view name, std::initializer_list<std::uint64_t> dimensions,
                      std::uint32_t type, std::uint64_t offset) {
    Text(name).Raw(static_cast<std::uint32_t>(dimensions.size()));
    for (const std::uint64_t dimension : dimensions) Raw(dimension);
    return Raw(type).Raw(offset);
  }
  // Fills up to the alignment, then so much data.
  GgufBuilder& Data(std::size_t size, std::size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment + size);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Bytes in memory; a read beyond their end, which the reader must not try, is kInternal.
class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<void> Read(std::uint64_t offset, std::span<char> into) override {
    if (offset > bytes_.size() || into.size() > bytes_.size() - offset) {
      return Internal("read beyond the end");
    }
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return {};
  }

 private:
  std::string_view bytes_;
};

// A small model that is in order: two F32 tensors of 64 elements.
inline GgufBuilder SmallModel(std::string_view architecture = "llama") {
  GgufBuilder builder(2, 3);
  builder.KeyText("general.architecture", architecture)
      .KeyU32(std::string(architecture) + ".context_length", 2048)
      .KeyU32("general.file_type", 15)
      .Tensor("a.weight", {16, 4}, 0, 0)
      .Tensor("b.weight", {64}, 0, 256)
      .Data(512);
  return builder;
}

}  // namespace tidegate::models
