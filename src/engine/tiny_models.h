// Models that llama-server loads and that say nothing: real architectures with small sizes, and
// zeros for weights. For tests only.
#pragma once

#include <cstdint>
#include <fcntl.h>
#include <functional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "models/gguf_builder.h"

namespace tidegate::engine {

struct TinySizes {
  std::uint32_t layers = 4, width = 512, feed_forward = 1'408;
  std::uint32_t heads = 8, kv_heads = 2, head_length = 64;
  std::uint32_t vocabulary = 8'192, context = 8'192;
  std::uint32_t type = 8;  // of matrices: Q8_0
};

class TinyModel {
 public:
  using Dimensions = std::vector<std::uint64_t>;

  TinyModel(std::string architecture, const TinySizes& sizes)
      : architecture_(std::move(architecture)), sizes_(sizes) {
    Set("general.architecture", [architecture = architecture_](auto& file) {
      file.KeyText("general.architecture", architecture);
    });
    Number("context_length", sizes.context).Number("embedding_length", sizes.width);
    Number("block_count", sizes.layers).Number("feed_forward_length", sizes.feed_forward);
    Number("attention.head_count", sizes.heads);
  }

  // Each replaces what was said of the name before.
  TinyModel& Number(const std::string& name, std::uint32_t value) {
    return Set(name, [key = Key(name), value](auto& file) { file.KeyU32(key, value); });
  }
  TinyModel& Numbers(const std::string& name, std::vector<std::uint32_t> values) {
    return Set(name, [key = Key(name), values = std::move(values)](auto& file) {
      file.Key(key, models::kGgufArray).Raw(std::uint32_t{models::kGgufU32});
      file.Raw(std::uint64_t{values.size()});
      for (const std::uint32_t value : values) file.Raw(value);
    });
  }
  TinyModel& Real(const std::string& name, float value) {
    return Set(
        name, [key = Key(name), value](auto& file) { file.Key(key, models::kGgufF32).Raw(value); });
  }
  TinyModel& Reals(const std::string& name, std::vector<float> values) {
    return Set(name, [key = Key(name), values = std::move(values)](auto& file) {
      file.Key(key, models::kGgufArray).Raw(std::uint32_t{models::kGgufF32});
      file.Raw(std::uint64_t{values.size()});
      for (const float value : values) file.Raw(value);
    });
  }
  TinyModel& Truth(const std::string& name, bool value) {
    return Set(name, [key = Key(name), value](auto& file) { file.KeyBool(key, value); });
  }
  TinyModel& Word(const std::string& name, const std::string& value) {
    return Set(name, [key = Key(name), value](auto& file) { file.KeyText(key, value); });
  }
  TinyModel& Matrix(const std::string& name, Dimensions dimensions) {
    tensors_.push_back({name, std::move(dimensions), sizes_.type});
    return *this;
  }
  TinyModel& Vector(const std::string& name, Dimensions dimensions) {
    tensors_.push_back({name, std::move(dimensions), 0});
    return *this;
  }
  std::string Layer(std::uint32_t layer, std::string_view name) const {
    return "blk." + std::to_string(layer) + "." + std::string(name) + ".weight";
  }
  const TinySizes& sizes() const { return sizes_; }
  TinyModel& SentencePieces();
  TinyModel& WordPieces();

  // False when the file cannot be written.
  bool Write(const std::string& path) const;

 private:
  struct Tensor {
    std::string name;
    Dimensions dimensions;
    std::uint32_t type;
  };
  std::string Key(const std::string& name) const {
    const bool whole = name.starts_with("tokenizer.") || name.starts_with("general.");
    return whole ? name : architecture_ + "." + name;
  }
  using WriteKey = std::function<void(models::GgufBuilder&)>;
  TinyModel& Set(const std::string& name, WriteKey write) {
    std::string key = Key(name);
    for (auto& [known, writes] : keys_) {
      if (known != key) continue;
      writes = std::move(write);
      return *this;
    }
    keys_.emplace_back(std::move(key), std::move(write));
    return *this;
  }
  TinyModel& Vocabulary(const char* kind, std::vector<std::string> tokens,
                        std::vector<std::uint32_t> types);

  const std::string architecture_;
  const TinySizes sizes_;
  std::vector<std::pair<std::string, WriteKey>> keys_;  // as the file has them
  std::vector<Tensor> tensors_;
};

inline TinyModel& TinyModel::Vocabulary(const char* kind, std::vector<std::string> tokens,
                                        std::vector<std::uint32_t> types) {
  while (tokens.size() < sizes_.vocabulary) {
    tokens.push_back("\u2581t" + std::to_string(tokens.size()));
    types.push_back(1);
  }
  Word("tokenizer.ggml.model", kind);
  Set("tokenizer.ggml.tokens", [tokens = std::move(tokens)](auto& file) {
    file.Key("tokenizer.ggml.tokens", models::kGgufArray).Raw(std::uint32_t{models::kGgufString});
    file.Raw(std::uint64_t{tokens.size()});
    for (const std::string& token : tokens) file.Text(token);
  });
  Set("tokenizer.ggml.token_type", [types = std::move(types)](auto& file) {
    file.Key("tokenizer.ggml.token_type", models::kGgufArray)
        .Raw(std::uint32_t{models::kGgufI32})
        .Raw(std::uint64_t{types.size()});
    for (const std::uint32_t type : types) file.Raw(type);
  });
  return *this;
}

inline TinyModel& TinyModel::SentencePieces() {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<std::uint32_t> types = {2, 3, 3};
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (unsigned byte = 0; byte < 256; ++byte) {
    tokens.push_back({'<', '0', 'x', kDigits[byte / 16], kDigits[byte % 16], '>'});
    types.push_back(6);
  }
  Set("tokenizer.ggml.scores", [count = sizes_.vocabulary](auto& file) {
    file.Key("tokenizer.ggml.scores", models::kGgufArray).Raw(std::uint32_t{models::kGgufF32});
    file.Raw(std::uint64_t{count});
    for (std::uint32_t i = 0; i < count; ++i) file.Raw(-static_cast<float>(i));
  });
  return Vocabulary("llama", std::move(tokens), std::move(types))
      .Number("tokenizer.ggml.bos_token_id", 1)
      .Number("tokenizer.ggml.eos_token_id", 2)
      .Number("tokenizer.ggml.unknown_token_id", 0);
}

inline TinyModel& TinyModel::WordPieces() {
  return Vocabulary("bert", {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, {3, 3, 3, 3, 3})
      .Number("tokenizer.ggml.token_type_count", 2)
      .Number("tokenizer.ggml.padding_token_id", 0)
      .Number("tokenizer.ggml.unknown_token_id", 1)
      .Number("tokenizer.ggml.cls_token_id", 2)
      .Number("tokenizer.ggml.seperator_token_id", 3)  // as the format spells it
      .Number("tokenizer.ggml.mask_token_id", 4)
      .Number("tokenizer.ggml.bos_token_id", 2)
      .Number("tokenizer.ggml.eos_token_id", 3);
}

inline bool TinyModel::Write(const std::string& path) const {
  models::GgufBuilder file(tensors_.size(), keys_.size());
  for (const auto& [key, write] : keys_) write(file);
  constexpr std::uint64_t kAlignment = 32;
  std::uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    const models::TensorType type = models::TensorTypeOf(tensor.type);
    std::uint64_t elements = 1;
    for (const std::uint64_t dimension : tensor.dimensions) elements *= dimension;
    file.Text(tensor.name).Raw(static_cast<std::uint32_t>(tensor.dimensions.size()));
    for (const std::uint64_t dimension : tensor.dimensions) file.Raw(dimension);
    file.Raw(tensor.type).Raw(offset);
    const std::uint64_t bytes = elements / type.block_elements * type.block_bytes;
    offset += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  file.Data(0, kAlignment);
  const std::string& head = file.bytes();
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  return fd.valid() &&
         write(fd.get(), head.data(), head.size()) == static_cast<ssize_t>(head.size()) &&
         ftruncate(fd.get(), static_cast<off_t>(head.size() + offset)) == 0;
}

}  // namespace tidegate::engine
