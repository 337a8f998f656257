#include "models/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <string.h>
#include <string_view>
#include <type_traits>
#include <unistd.h>
#include <unordered_set>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace tidegate::models {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint64_t kAlignmentDefault = 32;
constexpr std::size_t kBufferBytes = 64 * 1024;
// Name's length, dimensions, type, offset.
constexpr std::uint64_t kTensorInfoBytesMin = 8 + 4 + 4 + 8;
constexpr std::uint64_t kKeyBytesMin = 8 + 4 + 1;  // key's length, type, value

// Value types of the format.
enum : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
  kValueTypes
};
constexpr std::array<std::uint8_t, kValueTypes> kValueBytes = {1, 1, 2, 2, 4, 4, 4,
                                                               1, 0, 0, 8, 8, 8};

// Size of one block of a tensor type; `elements` 0 = no such type.
struct BlockSize {
  std::uint32_t elements;
  std::uint32_t bytes;
};
// By ggml's number of the type. Numbers that were removed from the format stay empty.
constexpr std::array<BlockSize, 42> kTensorTypes = {{
    {1, 4},     {1, 2},     {32, 18},   {32, 20},   {0, 0},
    {0, 0},                                        // F32 F16 Q4_0 Q4_1 - -
    {32, 22},   {32, 24},   {32, 34},   {32, 36},  // Q5_0 Q5_1 Q8_0 Q8_1
    {256, 84},  {256, 110}, {256, 144}, {256, 176}, {256, 210},
    {256, 292},  // Q2_K … Q6_K Q8_K
    {256, 66},  {256, 74},  {256, 98},  {256, 50},  {32, 18},
    {256, 110},              // IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S
    {256, 82},  {256, 136},  // IQ2_S IQ4_XS
    {1, 1},     {1, 2},     {1, 4},     {1, 8},     {1, 8},  // I8 I16 I32 I64 F64
    {256, 56},  {1, 2},                                      // IQ1_M BF16
    {0, 0},     {0, 0},     {0, 0},                          // -
    {256, 54},  {256, 66},                                   // TQ1_0 TQ2_0
    {0, 0},     {0, 0},     {0, 0},                          // -
    {32, 17},   {64, 36},   {128, 18},                       // MXFP4 NVFP4 Q1_0
}};

struct FileType {
  std::uint32_t number;
  std::string_view name;
};
constexpr std::array kFileTypes = {
    FileType{0, "F32"},      FileType{1, "F16"},     FileType{2, "Q4_0"},    FileType{3, "Q4_1"},
    FileType{7, "Q8_0"},     FileType{8, "Q5_0"},    FileType{9, "Q5_1"},    FileType{10, "Q2_K"},
    FileType{11, "Q3_K_S"},  FileType{12, "Q3_K_M"}, FileType{13, "Q3_K_L"}, FileType{14, "Q4_K_S"},
    FileType{15, "Q4_K_M"},  FileType{16, "Q5_K_S"}, FileType{17, "Q5_K_M"}, FileType{18, "Q6_K"},
    FileType{19, "IQ2_XXS"}, FileType{20, "IQ2_XS"}, FileType{21, "Q2_K_S"}, FileType{22, "IQ3_XS"},
    FileType{23, "IQ3_XXS"}, FileType{24, "IQ1_S"},  FileType{25, "IQ4_NL"}, FileType{26, "IQ3_S"},
    FileType{27, "IQ3_M"},   FileType{28, "IQ2_S"},  FileType{29, "IQ2_M"},  FileType{30, "IQ4_XS"},
    FileType{31, "IQ1_M"},   FileType{32, "BF16"},   FileType{36, "TQ1_0"},  FileType{37, "TQ2_0"},
    FileType{38, "MXFP4"},   FileType{39, "NVFP4"},  FileType{40, "Q1_0"}};
constexpr std::uint64_t kFileTypeGuessed = 1'024;  // added when the writer guessed

std::string FileTypeName(std::uint64_t number) {
  number &= ~kFileTypeGuessed;
  for (const FileType& type : kFileTypes) {
    if (type.number == number) return std::string(type.name);
  }
  return "unknown";
}

Error Malformed(std::string what) {
  return InvalidArgument("gguf", "not a usable GGUF file: " + std::move(what));
}

bool CheckedMultiply(std::uint64_t a, std::uint64_t b, std::uint64_t& product) {
  return !__builtin_mul_overflow(a, b, &product);
}
bool CheckedAdd(std::uint64_t a, std::uint64_t b, std::uint64_t& sum) {
  return !__builtin_add_overflow(a, b, &sum);
}

bool IsKeyByte(char c) { return c > ' ' && c < 0x7f; }

// Walks through the file from its start. No read goes beyond the end of the file or of what
// metadata may take.
class Cursor {
 public:
  explicit Cursor(ByteSource& source)
      : source_(source),
        end_(std::min(source.size(), kGgufMetadataBytesMax)),
        buffer_(kBufferBytes) {}

  std::uint64_t position() const { return buffer_start_ + buffer_used_; }
  std::uint64_t left() const { return end_ - position(); }

  Result<void> ReadBytes(char* into, std::size_t size) {
    if (size > left()) return Malformed("it ends in the middle of its header");
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
    if (size > left()) return Malformed("it ends in the middle of its header");
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
      return Malformed(std::string(what) + " of " + std::to_string(length) + " bytes");
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

// One metadata value as far as we keep it.
struct Value {
  std::uint32_t type = kValueTypes;
  std::uint64_t integer = 0;  // of any integer type; negative ones are huge
  std::string text;           // of a string

  bool IsInteger() const {
    return type != kF32 && type != kF64 && type != kBool && type != kString && type != kArray;
  }
};

bool Contains(std::string_view text, std::string_view word) { return text.find(word) != text.npos; }

class Reader {
 public:
  explicit Reader(ByteSource& source) : source_(source), cursor_(source) {}

  Result<GgufMetadata> Read() {
    TIDEGATE_TRY(ReadHeader());
    for (std::uint64_t i = 0; i < key_count_; ++i) TIDEGATE_TRY(ReadKey());
    TIDEGATE_TRY(FinishKeys());
    TIDEGATE_TRY(ReadTensors());
    return std::move(metadata_);
  }

 private:
  Result<void> ReadHeader();
  Result<void> ReadKey();
  Result<Value> ReadValue(std::uint32_t type);
  Result<Value> ReadInteger(std::uint32_t type);
  Result<void> SkipArray();
  Result<void> Keep(std::string_view key, Value value);
  Result<void> KeepText(std::string_view key, Value value);
  void KeepTemplate(std::string_view text);
  Result<void> FinishKeys();
  Result<void> ReadTensors();
  Result<std::uint64_t> ReadTensor();  // the end of its data, from the start of all data
  Result<std::uint64_t> ReadDimensions(const std::string& name);
  Result<void> CheckNew(std::string_view name, const char* what);

  ByteSource& source_;
  Cursor cursor_;
  GgufMetadata metadata_;
  std::uint64_t key_count_ = 0;
  std::uint64_t alignment_ = kAlignmentDefault;
  std::uint64_t pooling_type_ = 0;
  std::uint64_t first_row_ = 0;  // of the tensor that is being read: its first dimension
  bool pooling_given_ = false;
  // Hashes only: a name that collides is refused like one that repeats, and an honest file has no
  // such pair.
  std::unordered_set<std::size_t> seen_;
  // Values of keys under the architecture's own prefix come before or after the architecture's
  // name.
  std::vector<std::pair<std::string, std::uint64_t>> context_lengths_;
};

Result<void> Reader::ReadHeader() {
  char magic[4] = {};
  TIDEGATE_TRY(cursor_.ReadBytes(magic, sizeof magic));
  if (std::string_view(magic, sizeof magic) != kMagic) {
    return Malformed("it does not start with the letters GGUF");
  }
  TIDEGATE_ASSIGN(metadata_.version, cursor_.Read<std::uint32_t>());
  if (metadata_.version == 0x0200'0000 || metadata_.version == 0x0300'0000) {
    return Malformed("it is written for big-endian machines");
  }
  if (metadata_.version != 2 && metadata_.version != 3) {
    return Malformed("its version is " + std::to_string(metadata_.version) +
                     ", and 2 and 3 are known");
  }
  TIDEGATE_ASSIGN(metadata_.tensor_count, cursor_.Read<std::uint64_t>());
  TIDEGATE_ASSIGN(key_count_, cursor_.Read<std::uint64_t>());
  const std::uint64_t left = cursor_.left();
  if (key_count_ > kGgufKeysMax || key_count_ > left / kKeyBytesMin) {
    return Malformed("it claims " + std::to_string(key_count_) + " metadata keys");
  }
  if (metadata_.tensor_count > kGgufTensorsMax ||
      metadata_.tensor_count > left / kTensorInfoBytesMin) {
    return Malformed("it claims " + std::to_string(metadata_.tensor_count) + " tensors");
  }
  return {};
}

Result<void> Reader::CheckNew(std::string_view name, const char* what) {
  if (seen_.insert(std::hash<std::string_view>()(name)).second) return {};
  return Malformed(std::string(what) + " appears twice");
}

Result<void> Reader::ReadKey() {
  TIDEGATE_ASSIGN(const std::string key, cursor_.ReadString(kGgufKeyBytesMax, "a key"));
  if (key.empty() || !std::all_of(key.begin(), key.end(), IsKeyByte)) {
    return Malformed("a key is empty or not plain ASCII");
  }
  TIDEGATE_TRY(CheckNew(key, "a key"));
  TIDEGATE_ASSIGN(const auto type, cursor_.Read<std::uint32_t>());
  if (type == kArray) return SkipArray();
  TIDEGATE_ASSIGN(Value value, ReadValue(type));
  return Keep(key, std::move(value));
}

Result<Value> Reader::ReadValue(std::uint32_t type) {
  if (type >= kValueTypes) return Malformed("value type " + std::to_string(type) + " is unknown");
  Value value;
  value.type = type;
  if (type == kString) {
    TIDEGATE_ASSIGN(value.text, cursor_.ReadString(kGgufStringBytesMax, "a string"));
    return value;
  }
  if (type == kBool) {
    TIDEGATE_ASSIGN(const auto byte, cursor_.Read<std::uint8_t>());
    if (byte > 1) return Malformed("a truth value is neither 0 nor 1");
    return value;
  }
  if (!value.IsInteger()) {
    TIDEGATE_TRY(cursor_.Skip(kValueBytes[type]));
    return value;
  }
  return ReadInteger(type);
}

Result<Value> Reader::ReadInteger(std::uint32_t type) {
  Value value;
  value.type = type;
  const auto read = [this, &value](auto zero) -> Result<void> {
    TIDEGATE_ASSIGN(const auto number, cursor_.Read<decltype(zero)>());
    value.integer = static_cast<std::uint64_t>(number);
    return {};
  };
  switch (type) {
    case kU8:
      TIDEGATE_TRY(read(std::uint8_t{}));
      break;
    case kI8:
      TIDEGATE_TRY(read(std::int8_t{}));
      break;
    case kU16:
      TIDEGATE_TRY(read(std::uint16_t{}));
      break;
    case kI16:
      TIDEGATE_TRY(read(std::int16_t{}));
      break;
    case kU32:
      TIDEGATE_TRY(read(std::uint32_t{}));
      break;
    case kI32:
      TIDEGATE_TRY(read(std::int32_t{}));
      break;
    case kU64:
      TIDEGATE_TRY(read(std::uint64_t{}));
      break;
    default:
      TIDEGATE_TRY(read(std::int64_t{}));
      break;
  }
  return value;
}

// Arrays hold the vocabulary, which nobody here needs; but their lengths decide where everything
// behind them is.
Result<void> Reader::SkipArray() {
  TIDEGATE_ASSIGN(const auto type, cursor_.Read<std::uint32_t>());
  TIDEGATE_ASSIGN(const auto count, cursor_.Read<std::uint64_t>());
  if (type == kArray) return Malformed("an array of arrays");
  if (type >= kValueTypes) return Malformed("an array of unknown type " + std::to_string(type));
  const std::uint64_t bytes_min = type == kString ? sizeof(std::uint64_t) : kValueBytes[type];
  if (count > kGgufArrayElementsMax || count > cursor_.left() / bytes_min) {
    return Malformed("an array of " + std::to_string(count) + " elements");
  }
  if (type != kString) return cursor_.Skip(count * bytes_min);
  for (std::uint64_t i = 0; i < count; ++i) {
    TIDEGATE_ASSIGN(const std::uint64_t length,
                    cursor_.ReadLength(kGgufStringBytesMax, "a string"));
    TIDEGATE_TRY(cursor_.Skip(length));
  }
  return {};
}

Result<void> Reader::Keep(std::string_view key, Value value) {
  if (key == "general.alignment") {
    alignment_ = value.integer;
    if (!value.IsInteger() || !std::has_single_bit(alignment_) || alignment_ > kGgufAlignmentMax) {
      return Malformed("general.alignment is no power of two up to " +
                       std::to_string(kGgufAlignmentMax));
    }
  } else if (key == "general.file_type") {
    if (value.IsInteger()) metadata_.quantisation = FileTypeName(value.integer);
  } else if (key == "split.count" || key == "split.no") {
    if (!value.IsInteger() || value.integer > UINT16_MAX) {
      return Malformed(std::string(key) + " is no small number");
    }
    (key == "split.count" ? metadata_.split_count : metadata_.split_index) =
        static_cast<std::uint32_t>(value.integer);
  } else if (key.ends_with(".context_length")) {
    if (!value.IsInteger() || value.integer > INT32_MAX) {
      return Malformed(std::string(key) + " is no number of tokens");
    }
    context_lengths_.emplace_back(key, value.integer);
  } else if (key.ends_with(".pooling_type")) {
    pooling_given_ = value.IsInteger();
    pooling_type_ = value.integer;
  } else {
    return KeepText(key, std::move(value));
  }
  return {};
}

Result<void> Reader::KeepText(std::string_view key, Value value) {
  std::string* into = nullptr;
  if (key == "general.architecture") into = &metadata_.architecture;
  if (key == "general.type") into = &metadata_.type;
  if (key == "general.name") into = &metadata_.name;
  const bool is_template = key == "tokenizer.chat_template";
  if (into == nullptr && !is_template) return {};
  if (value.type != kString) return Malformed(std::string(key) + " is no string");
  if (is_template) {
    KeepTemplate(value.text);
    return {};
  }
  if (value.text.size() > kGgufDisplayBytesMax) {
    return Malformed(std::string(key) + " has " + std::to_string(value.text.size()) + " bytes");
  }
  *into = std::move(value.text);
  return {};
}

// Guesses. A template that can offer tools or thinking has to name what it gets them in;
// llama-server knows better once it runs.
void Reader::KeepTemplate(std::string_view text) {
  metadata_.has_chat_template = !text.empty();
  metadata_.template_uses_tools = Contains(text, "tools") || Contains(text, "tool_call");
  metadata_.template_uses_reasoning = Contains(text, "<think>") ||
                                      Contains(text, "enable_thinking") ||
                                      Contains(text, "reasoning_content");
}

Result<void> Reader::FinishKeys() {
  const std::string key = metadata_.architecture + ".context_length";
  for (const auto& [name, tokens] : context_lengths_) {
    if (name == key) metadata_.context_tokens = tokens;
  }
  if (metadata_.type.empty()) metadata_.type = "model";
  if (metadata_.quantisation.empty()) metadata_.quantisation = "unknown";
  if (metadata_.split_count == 0) metadata_.split_count = 1;
  if (metadata_.split_index >= metadata_.split_count) {
    return Malformed("it is part " + std::to_string(metadata_.split_index) + " of " +
                     std::to_string(metadata_.split_count));
  }
  if (metadata_.architecture.empty() &&
      metadata_.split_index == 0) {  // later parts do not repeat it
    return Malformed("general.architecture is missing");
  }
  constexpr std::uint64_t kPoolingRank = 4;  // 1 mean, 2 first, 3 last
  if (pooling_given_ && pooling_type_ != 0) {
    metadata_.pooling =
        pooling_type_ == kPoolingRank ? GgufPooling::kRank : GgufPooling::kEmbedding;
  } else if (Contains(metadata_.architecture, "bert") ||
             Contains(metadata_.architecture, "embedding")) {
    metadata_.pooling = GgufPooling::kEmbedding;
  }
  return {};
}

Result<void> Reader::ReadTensors() {
  seen_.clear();
  std::uint64_t data_end = 0;
  for (std::uint64_t i = 0; i < metadata_.tensor_count; ++i) {
    TIDEGATE_ASSIGN(const std::uint64_t end, ReadTensor());
    data_end = std::max(data_end, end);
  }
  // position() is bounded by kGgufMetadataBytesMax, so rounding up cannot wrap.
  const std::uint64_t data_start = (cursor_.position() + alignment_ - 1) / alignment_ * alignment_;
  std::uint64_t file_end = 0;
  if (!CheckedAdd(data_start, data_end, file_end) || (data_end > 0 && file_end > source_.size())) {
    return Malformed("its tensors reach beyond its end; the download may be incomplete");
  }
  return {};
}

// The product of a tensor's dimensions.
Result<std::uint64_t> Reader::ReadDimensions(const std::string& name) {
  TIDEGATE_ASSIGN(const auto count, cursor_.Read<std::uint32_t>());
  if (count > kGgufDimensionsMax) {
    return Malformed("tensor " + name + " has " + std::to_string(count) + " dimensions");
  }
  std::uint64_t elements = 1;
  first_row_ = 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    TIDEGATE_ASSIGN(const auto dimension, cursor_.Read<std::uint64_t>());
    if (i == 0) first_row_ = dimension;
    if (dimension == 0 || !CheckedMultiply(elements, dimension, elements)) {
      return Malformed("the dimensions of tensor " + name + " are impossible");
    }
  }
  return elements;
}

Result<std::uint64_t> Reader::ReadTensor() {
  TIDEGATE_ASSIGN(const std::string name,
                  cursor_.ReadString(kGgufTensorNameBytesMax, "a tensor name"));
  if (!std::all_of(name.begin(), name.end(), IsKeyByte)) {
    return Malformed("a tensor name is not plain ASCII");
  }
  TIDEGATE_TRY(CheckNew(name, "a tensor"));
  TIDEGATE_ASSIGN(const std::uint64_t elements, ReadDimensions(name));
  TIDEGATE_ASSIGN(const auto type, cursor_.Read<std::uint32_t>());
  TIDEGATE_ASSIGN(const auto offset, cursor_.Read<std::uint64_t>());
  if (type >= kTensorTypes.size() || kTensorTypes[type].elements == 0) {
    return Malformed("tensor " + name + " is of unknown type " + std::to_string(type));
  }
  const BlockSize block = kTensorTypes[type];
  if (first_row_ % block.elements != 0) {
    return Malformed("a row of tensor " + name + " is not a whole number of blocks");
  }
  if (offset % alignment_ != 0) return Malformed("tensor " + name + " is not aligned");
  std::uint64_t bytes = 0;
  std::uint64_t end = 0;
  if (!CheckedMultiply(elements / block.elements, block.bytes, bytes) ||
      !CheckedAdd(offset, bytes, end) || end > source_.size()) {
    return Malformed("tensor " + name + " reaches beyond its end; the download may be incomplete");
  }
  // Each tensor is smaller than the file, but many may overlap: the sums need the same care.
  if (!CheckedAdd(metadata_.parameters, elements, metadata_.parameters) ||
      !CheckedAdd(metadata_.tensor_bytes, bytes, metadata_.tensor_bytes)) {
    return Malformed("its tensors are impossibly large together");
  }
  return end;
}

class FileSource : public ByteSource {
 public:
  FileSource(int fd, std::uint64_t size) : fd_(fd), size_(size) {}
  ~FileSource() override { close(fd_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::uint64_t size() const override { return size_; }
  Result<void> Read(std::uint64_t offset, std::span<char> into) override {
    while (!into.empty()) {
      const ssize_t got = pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Unavailable(ErrorSource::kGateway, strerrordesc_np(errno));
      if (got == 0) return Malformed("it became shorter while it was read");
      offset += static_cast<std::uint64_t>(got);
      into = into.subspan(static_cast<std::size_t>(got));
    }
    return {};
  }

 private:
  const int fd_;
  const std::uint64_t size_;
};

}  // namespace

Result<GgufMetadata> ReadGguf(ByteSource& source) { return Reader(source).Read(); }

Result<GgufMetadata> ReadGgufFile(const std::string& path) {
  // Non-blocking, for a FIFO that calls itself a model.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    Error error = NotFound("cannot open " + path + ": " + strerrordesc_np(errno));
    if (errno == EACCES) error.code = ErrorCode::kPermissionDenied;
    return error;
  }
  struct stat info {};
  const bool known = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  FileSource source(fd, known ? static_cast<std::uint64_t>(info.st_size) : 0);
  if (!known) return InvalidArgument("gguf", path + " is no regular file");
  return ReadGguf(source);
}

}  // namespace tidegate::models
