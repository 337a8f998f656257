#include "models/gguf_info.h"

#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <string_view>

#include "json/writer.h"
#include "models/gguf_walk.h"

namespace tidegate::models {
namespace {

// Of a tensor as JSON, but for its name: about that.
constexpr std::size_t kTensorBytes = 64;

// The shortest text of the number as a double would show digits that the file does not have.
void WriteFloat(float number, json::Writer& writer) {
  if (!std::isfinite(number)) {
    writer.Null();
    return;
  }
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  writer.Raw({text.data(), static_cast<std::size_t>(end - text.data())});
}

void Write(const GgufScalar& value, json::Writer& writer) {
  switch (value.type) {
    case kGgufString:
      writer.String(value.text);
      return;
    case kGgufBool:
      writer.Bool(value.integer != 0);
      return;
    case kGgufF32:
      WriteFloat(static_cast<float>(value.real), writer);
      return;
    case kGgufF64:
      writer.Double(value.real);
      return;
    case kGgufI8:
    case kGgufI16:
    case kGgufI32:
    case kGgufI64:
      writer.Integer(static_cast<std::int64_t>(value.integer));
      return;
    default:
      writer.Raw(std::to_string(value.integer));
  }
}

class InfoVisitor : public GgufVisitor {
 public:
  explicit InfoVisitor(const GgufInfoOptions& options) : options_(options) {}

  Result<void> OnValue(std::string_view key, GgufScalar value) override {
    FinishList();
    std::string text;
    json::Writer writer(text);
    Write(value, writer);
    info_.values.emplace_back(key, std::move(text));
    return Count(info_.values.back().second.size());
  }

  Result<std::uint64_t> OnArray(std::string_view key, std::uint32_t /*type*/,
                                std::uint64_t count) override {
    FinishList();
    info_.values.emplace_back(key, "");
    list_ = std::make_unique<List>();
    list_->writer.BeginArray();
    return options_.whole_lists || count <= kGgufInfoElementsMax ? count : 0;
  }

  Result<void> OnElement(GgufScalar& value) override {
    const std::size_t before = list_->text.size();
    Write(value, list_->writer);
    return Count(list_->text.size() - before);
  }

  Result<void> OnKeysEnd() override {
    FinishList();
    return {};
  }

  Result<void> OnTensor(const GgufTensor& tensor) override {
    if (!options_.tensors) return {};
    info_.tensors.push_back(
        {tensor.name,
         std::string(TensorTypeOf(tensor.type).name),
         {tensor.dimensions.begin(), tensor.dimensions.begin() + tensor.dimension_count}});
    return Count(tensor.name.size() + kTensorBytes);
  }

  GgufInfo Finish() && { return std::move(info_); }

 private:
  struct List {
    std::string text;
    json::Writer writer{text};
  };

  Result<void> Count(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= kGgufInfoBytesMax) return {};
    Error error = MalformedGguf("its metadata takes more than " +
                                std::to_string(kGgufInfoBytesMax) + " bytes as JSON");
    error.code = ErrorCode::kTooLarge;
    return error;
  }

  void FinishList() {
    if (list_ == nullptr) return;
    list_->writer.EndArray();
    info_.values.back().second = std::move(list_->text);
    list_ = nullptr;
  }

  const GgufInfoOptions options_;
  GgufInfo info_;
  std::unique_ptr<List> list_;  // that is being read
  std::size_t bytes_ = 0;
};

}  // namespace

Result<GgufInfo> ReadGgufInfo(ByteSource& source, const GgufInfoOptions& options) {
  InfoVisitor visitor(options);
  TIDEGATE_TRY(WalkGguf(source, visitor));
  return std::move(visitor).Finish();
}

Result<GgufInfo> ReadGgufInfoFile(const std::string& path, const GgufInfoOptions& options) {
  TIDEGATE_ASSIGN(const std::unique_ptr<ByteSource> source, OpenModelFile(path));
  return ReadGgufInfo(*source, options);
}

}  // namespace tidegate::models
