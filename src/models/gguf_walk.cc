#include "models/gguf_walk.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace tidegate::models {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint64_t kAlignmentDefault = 32;
constexpr std::size_t kBufferBytes = 64 * 1024;
// Name's length, dimensions, type, offset.
constexpr std::uint64_t kTensorInfoBytesMin = 8 + 4 + 4 + 8;
constexpr std::uint64_t kKeyBytesMin = 8 + 4 + 1;  // key's length, type, value

bool CheckedMultiply(std::uint64_t a, std::uint64_t b, std::uint64_t& product) {
  return !__builtin_mul_overflow(a, b, &product);
}
bool CheckedAdd(std::uint64_t a, std::uint64_t b, std::uint64_t& sum) {
  return !__builtin_add_overflow(a, b, &sum);
}

bool IsKeyByte(char c) { return c > ' ' && c < 0x7f; }

// Reads the file from its start. No read goes beyond the end of the file or of what metadata may
// take.
class Cursor {
 public:
  explicit Cursor(ByteSource& source)
      : source_(source),
        end_(std::min(source.size(), kGgufMetadataBytesMax)),
        buffer_(kBufferBytes) {}

  std::uint64_t position() const { return buffer_start_ + buffer_used_; }
  std::uint64_t left() const { return end_ - position(); }

  Result<void> ReadBytes(char* into, std::size_t size) {
    if (size > left()) return MalformedGguf("it ends in the middle of its header");
    while (size > 0) {
      if (buffer_used_ == buffer_size_) TIDEGATE_TRY(Refill());
      const std::size_t piece = std::min(size, buffer_size_ - buffer_used_);
      std::copy_n(buffer_.data() + buffer_used_, piece, into);
      buffer_used_ += piece;
      into += piece;
      size -= piece;
    }
    return {};
  }

  Result<void> Skip(std::uint64_t size) {
    if (size > left()) return MalformedGguf("it ends in the middle of its header");
    if (size <= buffer_size_ - buffer_used_) {
      buffer_used_ += static_cast<std::size_t>(size);
    } else {
      buffer_start_ = position() + size;
      buffer_size_ = buffer_used_ = 0;
    }
    return {};
  }

  template <typename T>
  Result<T> Read() {
    static_assert(std::endian::native == std::endian::little);
    T value;
    TIDEGATE_TRY(ReadBytes(reinterpret_cast<char*>(&value), sizeof value));
    return value;
  }

  // The length of a string, checked against `size_max` and what is left.
  Result<std::uint64_t> ReadLength(std::uint64_t size_max, const char* what) {
    TIDEGATE_ASSIGN(const auto length, Read<std::uint64_t>());
    if (length > size_max || length > left()) {
      return MalformedGguf(std::string(what) + " of " + std::to_string(length) + " bytes");
    }
    return length;
  }

  Result<std::string> ReadString(std::uint64_t size_max, const char* what) {
    TIDEGATE_ASSIGN(const std::uint64_t length, ReadLength(size_max, what));
    std::string text(static_cast<std::size_t>(length), '\0');
    TIDEGATE_TRY(ReadBytes(text.data(), text.size()));
    return text;
  }

 private:
  Result<void> Refill() {
    buffer_start_ += buffer_used_;
    buffer_used_ = buffer_size_ = 0;
    const std::uint64_t size = std::min<std::uint64_t>(buffer_.size(), end_ - buffer_start_);
    TIDEGATE_TRY(source_.Read(buffer_start_, {buffer_.data(), static_cast<std::size_t>(size)}));
    buffer_size_ = static_cast<std::size_t>(size);
    return {};
  }

  ByteSource& source_;
  const std::uint64_t end_;
  std::vector<char> buffer_;
  std::uint64_t buffer_start_ = 0;  // of the buffer, in the file
  std::size_t buffer_size_ = 0, buffer_used_ = 0;
};

class Walker {
 public:
  Walker(ByteSource& source, GgufVisitor& visitor)
      : source_(source), cursor_(source), visitor_(visitor) {}

  Result<void> Walk() {
    TIDEGATE_TRY(ReadHeader());
    for (std::uint64_t i = 0; i < key_count_; ++i) TIDEGATE_TRY(ReadKey());
    TIDEGATE_TRY(visitor_.OnKeysEnd());
    return ReadTensors();
  }

 private:
  Result<void> ReadHeader();
  Result<void> ReadKey();
  Result<GgufScalar> ReadValue(std::uint32_t type);
  template <typename T>
  Result<void> ReadInteger(GgufScalar& value) {
    TIDEGATE_ASSIGN(const T number, cursor_.Read<T>());
    value.integer = static_cast<std::uint64_t>(number);
    return {};
  }
  template <typename T>
  Result<void> ReadReal(GgufScalar& value) {
    TIDEGATE_ASSIGN(value.real, cursor_.Read<T>());
    return {};
  }
  Result<void> ReadArray(std::string_view key);
  Result<void> SkipElements(std::uint32_t type, std::uint64_t count);
  Result<void> ReadTensors();
  Result<std::uint64_t> ReadTensor();  // the end of its data, from the start of all data
  Result<void> ReadDimensions(GgufTensor& tensor);
  Result<void> CheckNew(std::string_view name, const char* what);

  ByteSource& source_;
  Cursor cursor_;
  GgufVisitor& visitor_;
  std::uint64_t key_count_ = 0, tensor_count_ = 0;
  std::uint64_t alignment_ = kAlignmentDefault;
  // Hashes only: a name that collides is refused like one that repeats, and an honest file has no
  // such pair.
  std::unordered_set<std::size_t> seen_;
};

Result<void> Walker::ReadHeader() {
  char magic[4] = {};
  TIDEGATE_TRY(cursor_.ReadBytes(magic, sizeof magic));
  if (std::string_view(magic, sizeof magic) != kMagic) {
    return MalformedGguf("it does not start with the letters GGUF");
  }
  TIDEGATE_ASSIGN(const auto version, cursor_.Read<std::uint32_t>());
  if (version == 0x0200'0000 || version == 0x0300'0000) {
    return MalformedGguf("it is written for big-endian machines");
  }
  if (version != 2 && version != 3) {
    return MalformedGguf("its version is " + std::to_string(version) + ", and 2 and 3 are known");
  }
  TIDEGATE_ASSIGN(tensor_count_, cursor_.Read<std::uint64_t>());
  TIDEGATE_ASSIGN(key_count_, cursor_.Read<std::uint64_t>());
  const std::uint64_t left = cursor_.left();
  if (key_count_ > kGgufKeysMax || key_count_ > left / kKeyBytesMin) {
    return MalformedGguf("it claims " + std::to_string(key_count_) + " metadata keys");
  }
  if (tensor_count_ > kGgufTensorsMax || tensor_count_ > left / kTensorInfoBytesMin) {
    return MalformedGguf("it claims " + std::to_string(tensor_count_) + " tensors");
  }
  return visitor_.OnHeader(version, tensor_count_);
}

Result<void> Walker::CheckNew(std::string_view name, const char* what) {
  if (seen_.insert(std::hash<std::string_view>()(name)).second) return {};
  return MalformedGguf(std::string(what) + " appears twice");
}

Result<void> Walker::ReadKey() {
  TIDEGATE_ASSIGN(const std::string key, cursor_.ReadString(kGgufKeyBytesMax, "a key"));
  if (key.empty() || !std::all_of(key.begin(), key.end(), IsKeyByte)) {
    return MalformedGguf("a key is empty or not plain ASCII");
  }
  TIDEGATE_TRY(CheckNew(key, "a key"));
  TIDEGATE_ASSIGN(const auto type, cursor_.Read<std::uint32_t>());
  const bool is_alignment = key == "general.alignment";
  if (type == kGgufArray && !is_alignment) return ReadArray(key);
  if (type >= kGgufTypes) {
    return MalformedGguf("value type " + std::to_string(type) + " is unknown");
  }
  GgufScalar value;
  if (type != kGgufArray) {
    TIDEGATE_ASSIGN(value, ReadValue(type));
  }
  if (is_alignment) {
    alignment_ = value.integer;
    if (!value.IsInteger() || !std::has_single_bit(alignment_) || alignment_ > kGgufAlignmentMax) {
      return MalformedGguf("general.alignment is no power of two up to " +
                           std::to_string(kGgufAlignmentMax));
    }
  }
  return visitor_.OnValue(key, std::move(value));
}

// REQUIRES: `type` is known and no array.
Result<GgufScalar> Walker::ReadValue(std::uint32_t type) {
  GgufScalar value;
  value.type = type;
  switch (type) {
    case kGgufString: {
      TIDEGATE_ASSIGN(value.text, cursor_.ReadString(kGgufStringBytesMax, "a string"));
      return value;
    }
    case kGgufBool:
      TIDEGATE_TRY(ReadInteger<std::uint8_t>(value));
      if (value.integer > 1) return MalformedGguf("a truth value is neither 0 nor 1");
      return value;
    case kGgufF32:
      TIDEGATE_TRY(ReadReal<float>(value));
      return value;
    case kGgufF64:
      TIDEGATE_TRY(ReadReal<double>(value));
      return value;
    case kGgufU8:
      TIDEGATE_TRY(ReadInteger<std::uint8_t>(value));
      return value;
    case kGgufI8:
      TIDEGATE_TRY(ReadInteger<std::int8_t>(value));
      return value;
    case kGgufU16:
      TIDEGATE_TRY(ReadInteger<std::uint16_t>(value));
      return value;
    case kGgufI16:
      TIDEGATE_TRY(ReadInteger<std::int16_t>(value));
      return value;
    case kGgufU32:
      TIDEGATE_TRY(ReadInteger<std::uint32_t>(value));
      return value;
    case kGgufI32:
      TIDEGATE_TRY(ReadInteger<std::int32_t>(value));
      return value;
    case kGgufU64:
      TIDEGATE_TRY(ReadInteger<std::uint64_t>(value));
      return value;
    default:
      TIDEGATE_TRY(ReadInteger<std::int64_t>(value));
      return value;
  }
}

Result<void> Walker::ReadArray(std::string_view key) {
  TIDEGATE_ASSIGN(const auto type, cursor_.Read<std::uint32_t>());
  TIDEGATE_ASSIGN(const auto count, cursor_.Read<std::uint64_t>());
  if (type == kGgufArray) return MalformedGguf("an array of arrays");
  if (type >= kGgufTypes) {
    return MalformedGguf("an array of unknown type " + std::to_string(type));
  }
  const std::uint64_t bytes_min =
      type == kGgufString ? sizeof(std::uint64_t) : GgufValueBytes(type);
  if (count > kGgufArrayElementsMax || count > cursor_.left() / bytes_min) {
    return MalformedGguf("an array of " + std::to_string(count) + " elements");
  }
  TIDEGATE_ASSIGN(std::uint64_t shown, visitor_.OnArray(key, type, count));
  shown = std::min(shown, count);
  for (std::uint64_t i = 0; i < shown; ++i) {
    TIDEGATE_ASSIGN(GgufScalar value, ReadValue(type));
    TIDEGATE_TRY(visitor_.OnElement(value));
  }
  return SkipElements(type, count - shown);
}

Result<void> Walker::SkipElements(std::uint32_t type, std::uint64_t count) {
  if (type != kGgufString) return cursor_.Skip(count * GgufValueBytes(type));
  for (std::uint64_t i = 0; i < count; ++i) {
    TIDEGATE_ASSIGN(const std::uint64_t length,
                    cursor_.ReadLength(kGgufStringBytesMax, "a string"));
    TIDEGATE_TRY(cursor_.Skip(length));
  }
  return {};
}

Result<void> Walker::ReadTensors() {
  seen_.clear();
  std::uint64_t data_end = 0;
  for (std::uint64_t i = 0; i < tensor_count_; ++i) {
    TIDEGATE_ASSIGN(const std::uint64_t end, ReadTensor());
    data_end = std::max(data_end, end);
  }
  // position() is bounded by kGgufMetadataBytesMax, so rounding up cannot wrap.
  const std::uint64_t data_start = (cursor_.position() + alignment_ - 1) / alignment_ * alignment_;
  std::uint64_t file_end = 0;
  if (!CheckedAdd(data_start, data_end, file_end) || (data_end > 0 && file_end > source_.size())) {
    return MalformedGguf("its tensors reach beyond its end; the download may be incomplete");
  }
  return {};
}

Result<void> Walker::ReadDimensions(GgufTensor& tensor) {
  TIDEGATE_ASSIGN(tensor.dimension_count, cursor_.Read<std::uint32_t>());
  if (tensor.dimension_count > kGgufDimensionsMax) {
    return MalformedGguf("tensor " + tensor.name + " has " +
                         std::to_string(tensor.dimension_count) + " dimensions");
  }
  tensor.elements = 1;
  tensor.dimensions.fill(1);
  for (std::uint32_t i = 0; i < tensor.dimension_count; ++i) {
    TIDEGATE_ASSIGN(const auto dimension, cursor_.Read<std::uint64_t>());
    if (dimension == 0 || !CheckedMultiply(tensor.elements, dimension, tensor.elements)) {
      return MalformedGguf("the dimensions of tensor " + tensor.name + " are impossible");
    }
    tensor.dimensions[i] = dimension;
  }
  return {};
}

Result<std::uint64_t> Walker::ReadTensor() {
  GgufTensor tensor;
  TIDEGATE_ASSIGN(tensor.name, cursor_.ReadString(kGgufTensorNameBytesMax, "a tensor name"));
  if (!std::all_of(tensor.name.begin(), tensor.name.end(), IsKeyByte)) {
    return MalformedGguf("a tensor name is not plain ASCII");
  }
  TIDEGATE_TRY(CheckNew(tensor.name, "a tensor"));
  TIDEGATE_TRY(ReadDimensions(tensor));
  TIDEGATE_ASSIGN(tensor.type, cursor_.Read<std::uint32_t>());
  TIDEGATE_ASSIGN(const auto offset, cursor_.Read<std::uint64_t>());
  const TensorType type = TensorTypeOf(tensor.type);
  if (type.name.empty()) {
    return MalformedGguf("tensor " + tensor.name + " is of unknown type " +
                         std::to_string(tensor.type));
  }
  if (tensor.dimensions[0] % type.block_elements != 0) {
    return MalformedGguf("a row of tensor " + tensor.name + " is not a whole number of blocks");
  }
  if (offset % alignment_ != 0) {
    return MalformedGguf("tensor " + tensor.name + " is not aligned");
  }
  std::uint64_t end = 0;
  if (!CheckedMultiply(tensor.elements / type.block_elements, type.block_bytes, tensor.bytes) ||
      !CheckedAdd(offset, tensor.bytes, end) || end > source_.size()) {
    return MalformedGguf("tensor " + tensor.name +
                         " reaches beyond its end; the download may be incomplete");
  }
  TIDEGATE_TRY(visitor_.OnTensor(tensor));
  return end;
}

}  // namespace

Error MalformedGguf(std::string what) {
  return InvalidArgument("gguf", "not a usable GGUF file: " + std::move(what));
}

Result<void> WalkGguf(ByteSource& source, GgufVisitor& visitor) {
  return Walker(source, visitor).Walk();
}

}  // namespace tidegate::models
