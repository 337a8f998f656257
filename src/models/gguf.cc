#include "models/gguf.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "models/gguf_keys.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kBlock = "blk.";

// The layer of "blk.12.attn_q.weight"; nothing for a tensor of no layer.
std::optional<std::uint32_t> LayerOf(std::string_view name) {
  if (!name.starts_with(kBlock)) return std::nullopt;
  name.remove_prefix(kBlock.size());
  std::uint32_t layer = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return layer;
}

bool IsInput(std::string_view name) {
  return name.starts_with("token_embd") || name.starts_with("position_embd") ||
         name.starts_with("token_types") || name.starts_with("per_layer_");
}

bool AddTo(std::uint64_t& sum, std::uint64_t more) {
  return !__builtin_add_overflow(sum, more, &sum);
}
bool AddTo(std::vector<std::uint64_t>& sums, std::size_t at, std::uint64_t more) {
  if (sums.size() <= at) sums.resize(at + 1);
  return AddTo(sums[at], more);
}

Error TooLargeTogether() { return MalformedGguf("its tensors are impossibly large together"); }

class MetadataVisitor : public GgufVisitor {
 public:
  Result<void> OnHeader(std::uint32_t version, std::uint64_t tensors) override {
    metadata.version = version;
    metadata.tensor_count = tensors;
    return {};
  }
  Result<void> OnValue(std::string_view key, GgufScalar value) override {
    return keys_.Take(key, std::move(value));
  }
  Result<std::uint64_t> OnArray(std::string_view key, std::uint32_t type,
                                std::uint64_t count) override {
    return keys_.TakeArray(key, type, count);
  }
  Result<void> OnElement(GgufScalar& value) override { return keys_.TakeElement(value); }
  Result<void> OnKeysEnd() override { return keys_.Finish(metadata); }

  Result<void> OnTensor(const GgufTensor& tensor) override {
    // Each tensor is smaller than the file, but many may overlap: sums need care. The sum of all
    // bytes bounds the sums of some.
    if (!AddTo(metadata.parameters, tensor.elements) ||
        !AddTo(metadata.tensor_bytes, tensor.bytes)) {
      return TooLargeTogether();
    }
    GgufTypeBytes& type = types_[tensor.type];
    type.tensors += 1;
    type.elements += tensor.elements;
    type.bytes += tensor.bytes;
    return Place(tensor);
  }

  GgufMetadata Finish() && {
    for (std::uint32_t number = 0; number < kTensorTypes; ++number) {
      if (types_[number].tensors == 0) continue;
      types_[number].type = TensorTypeOf(number).name;
      metadata.weights.types.push_back(types_[number]);
    }
    return std::move(metadata);
  }

  GgufMetadata metadata;

 private:
  Result<void> Place(const GgufTensor& tensor) {
    GgufWeights& weights = metadata.weights;
    const std::string_view name = tensor.name;
    if (const std::optional<std::uint32_t> layer = LayerOf(name)) {
      if (*layer >= kGgufLayersMax) {
        return MalformedGguf("tensor " + tensor.name + " is of a layer beyond " +
                             std::to_string(kGgufLayersMax));
      }
      AddTo(weights.block_bytes, *layer, tensor.bytes);
      if (name.find("_exps.") != name.npos) {
        AddTo(weights.expert_bytes, *layer, tensor.bytes);
        weights.has_experts = true;
      }
      weights.has_gate |= name.ends_with(".ffn_gate.weight");
    } else if (IsInput(name)) {
      weights.input_bytes += tensor.bytes;
      if (name == "token_embd.weight" && tensor.dimension_count == 2 &&
          tensor.dimensions[1] <= kGgufSizeMax) {
        metadata.shape.vocabulary = static_cast<std::uint32_t>(tensor.dimensions[1]);
      }
    } else if (name.starts_with("output")) {
      weights.output_bytes += tensor.bytes;
      weights.has_output |= name == "output.weight";
    } else {
      weights.other_bytes += tensor.bytes;
    }
    return {};
  }

  GgufKeys keys_;
  std::array<GgufTypeBytes, kTensorTypes> types_;
};

}  // namespace

std::uint32_t PerLayer::Max() const {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

std::uint32_t GgufShape::KeyLength() const {
  if (key_length > 0) return key_length;
  return head_count.Max() > 0 ? embedding_length / head_count.Max() : 0;
}

std::uint32_t GgufShape::ValueLength() const {
  if (value_length > 0) return value_length;
  return head_count.Max() > 0 ? embedding_length / head_count.Max() : 0;
}

Result<GgufMetadata> ReadGguf(ByteSource& source) {
  MetadataVisitor visitor;
  TIDEGATE_TRY(WalkGguf(source, visitor));
  return std::move(visitor).Finish();
}

Result<GgufMetadata> ReadGgufFile(const std::string& path) {
  TIDEGATE_ASSIGN(const std::unique_ptr<ByteSource> source, OpenModelFile(path));
  return ReadGguf(*source);
}

Result<void> AddGgufPart(GgufMetadata& model, const GgufMetadata& part) {
  GgufMetadata sum = model;
  if (!AddTo(sum.parameters, part.parameters) || !AddTo(sum.tensor_bytes, part.tensor_bytes) ||
      !AddTo(sum.tensor_count, part.tensor_count)) {
    return TooLargeTogether();
  }
  GgufWeights& weights = sum.weights;
  weights.input_bytes += part.weights.input_bytes;
  weights.output_bytes += part.weights.output_bytes;
  weights.other_bytes += part.weights.other_bytes;
  weights.has_output |= part.weights.has_output;
  weights.has_gate |= part.weights.has_gate;
  weights.has_experts |= part.weights.has_experts;
  for (std::size_t layer = 0; layer < part.weights.block_bytes.size(); ++layer) {
    AddTo(weights.block_bytes, layer, part.weights.block_bytes[layer]);
  }
  for (std::size_t layer = 0; layer < part.weights.expert_bytes.size(); ++layer) {
    AddTo(weights.expert_bytes, layer, part.weights.expert_bytes[layer]);
  }
  for (const GgufTypeBytes& type : part.weights.types) {
    const auto known = std::find_if(weights.types.begin(), weights.types.end(),
                                    [&type](const auto& other) { return other.type == type.type; });
    if (known == weights.types.end()) {
      weights.types.push_back(type);
      continue;
    }
    known->tensors += type.tensors;
    known->elements += type.elements;
    known->bytes += type.bytes;
  }
  model = std::move(sum);
  return {};
}

}  // namespace tidegate::models
