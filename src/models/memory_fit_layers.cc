#include "models/memory_fit_layers.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace tidegate::models {
namespace {

// Layers with a window, for architectures that have them; others ignore the key.
struct Windows {
  std::string_view architecture;
  std::uint32_t period;  // one layer of so many sees everything; 0 = the file lists the layers
  bool full_first;       // it is the first of them, else the last
  std::uint32_t window;  // when the file does not say; 0 = then there is none
};
constexpr std::array kWindows = {
    Windows{"gemma2", 2, false, 4'096},  Windows{"gemma3", 6, false, 0},
    Windows{"gemma3n", 5, false, 0},     Windows{"gemma4", 0, false, 0},
    Windows{"cohere2", 4, false, 0},     Windows{"olmo2", 4, false, 0},
    Windows{"exaone4", 4, false, 0},     Windows{"exaone-moe", 4, false, 0},
    Windows{"gpt-oss", 2, false, 0},     Windows{"llama4", 4, false, 8'192},
    Windows{"smallthinker", 4, true, 0}, Windows{"afmoe", 4, false, 0},
    Windows{"mimo2", 0, false, 0},       Windows{"step35", 0, false, 0},
    Windows{"laguna", 0, false, 0},      Windows{"plamo3", 8, false, 0},
};

template <std::size_t N>
bool IsOneOf(std::string_view architecture, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), architecture) != names.end();
}

constexpr std::array<std::string_view, 7> kRecurrent = {
    "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7", "falcon-mamba"};
// A layer without heads for keys is recurrent.
constexpr std::array<std::string_view, 9> kHybrid = {
    "jamba", "nemotron_h", "nemotron_h_moe", "granitehybrid", "plamo2",
    "lfm2",  "lfm2moe",    "kimi-linear",    "bamba"};
// One layer of so many attends, the others are recurrent.
constexpr std::array<std::string_view, 3> kInterval = {"qwen3next", "qwen35", "qwen35moe"};
constexpr std::uint32_t kIntervalDefault = 4;
// Each layer does both.
constexpr std::string_view kBoth = "falcon-h1";
// Positions are added to the input, or to the scores.
constexpr std::array<std::string_view, 10> kWithoutRotation = {
    "bert", "gpt2",   "starcoder",    "mpt", "bloom",
    "jais", "refact", "jina-bert-v2", "t5",  "t5encoder"};

constexpr std::array<std::string_view, 5> kNormsLast = {"bert", "nomic-bert", "nomic-bert-moe",
                                                        "jina-bert-v2", "jina-bert-v3"};

class Planner {
 public:
  explicit Planner(const GgufMetadata& metadata) : metadata_(metadata), shape_(metadata.shape) {}

  Result<ModelPlan> Plan() {
    TIDEGATE_TRY(Need(shape_.block_count, "block_count"));
    TIDEGATE_TRY(Need(shape_.embedding_length, "embedding_length"));
    const std::uint32_t extra = std::min(shape_.nextn_predict_layers, shape_.block_count - 1);
    plan_.latent = shape_.key_length_mla > 0 && shape_.value_length_mla > 0;
    plan_.rotates = !IsOneOf(metadata_.architecture, kWithoutRotation);
    plan_.norms_last = IsOneOf(metadata_.architecture, kNormsLast);
    FindWindows();
    const bool causal = shape_.causal.value_or(!IsEncoder());
    for (std::uint32_t layer = 0; layer < shape_.block_count - extra; ++layer) {
      plan_.layers.push_back(Layer(layer, causal));
      const LayerPlan& planned = plan_.layers.back();
      if (planned.attends && planned.heads > 0 && planned.key_length == 0) {
        TIDEGATE_TRY(Need(0, "attention.key_length"));
      }
      plan_.has_cache |= planned.cached;
      plan_.has_windows |= planned.cached && planned.windowed;
      plan_.has_states |= planned.recurrent;
    }
    return std::move(plan_);
  }

 private:
  Result<void> Need(std::uint32_t value, std::string_view key) const {
    if (value > 0) return {};
    return InvalidArgument("gguf", "the model file lacks " + metadata_.architecture + "." +
                                       std::string(key) +
                                       ", without which nobody can tell how much memory it needs");
  }
  bool IsEncoder() const {
    return metadata_.architecture.find("bert") != std::string::npos ||
           metadata_.architecture == "t5encoder" || metadata_.architecture == "gemma-embedding";
  }

  void FindWindows() {
    for (const Windows& known : kWindows) {
      if (known.architecture != metadata_.architecture) continue;
      windows_ = &known;
      plan_.window = shape_.sliding_window > 0 ? shape_.sliding_window : known.window;
    }
  }

  bool IsWindowed(std::uint32_t layer) const {
    if (plan_.window == 0 || windows_ == nullptr) return false;
    const PerLayer& pattern = shape_.sliding_window_pattern;
    if (pattern.values.size() > 1) return pattern.At(layer) != 0;
    const std::uint32_t period = pattern.given() ? pattern.values[0] : windows_->period;
    if (period == 0) return true;
    return windows_->full_first ? layer % period != 0 : layer % period < period - 1;
  }

  bool IsRecurrent(std::uint32_t layer) const {
    const std::string_view name = metadata_.architecture;
    if (name == kBoth || IsOneOf(name, kRecurrent)) return true;
    if (IsOneOf(name, kHybrid)) return shape_.KvHeads(layer) == 0;
    if (!IsOneOf(name, kInterval)) return false;
    const std::uint32_t interval =
        shape_.full_attention_interval > 0 ? shape_.full_attention_interval : kIntervalDefault;
    return (layer + 1) % interval != 0;
  }

  LayerPlan Layer(std::uint32_t layer, bool causal) const;
  void AddState(LayerPlan& plan) const;

  const GgufMetadata& metadata_;
  const GgufShape& shape_;
  const Windows* windows_ = nullptr;
  ModelPlan plan_;
};

void Planner::AddState(LayerPlan& plan) const {
  plan.recurrent = true;
  if (shape_.wkv_head_size > 0) {
    const std::uint32_t shifts = shape_.token_shift_count > 0 ? shape_.token_shift_count : 2;
    plan.conv_elements = SaturatingProduct(shifts, shape_.embedding_length);
    plan.state_elements = SaturatingProduct(shape_.embedding_length, shape_.wkv_head_size);
  } else if (shape_.shortconv_l_cache > 0) {
    plan.conv_elements = SaturatingProduct(shape_.embedding_length, shape_.shortconv_l_cache - 1);
  } else {
    const std::uint64_t kernel = shape_.ssm_conv_kernel > 0 ? shape_.ssm_conv_kernel - 1 : 0;
    const std::uint64_t grouped =
        SaturatingProduct(2, shape_.ssm_group_count, shape_.ssm_state_size);
    plan.conv_elements = SaturatingProduct(kernel, SaturatingSum(shape_.ssm_inner_size, grouped));
    plan.state_elements = SaturatingProduct(shape_.ssm_state_size, shape_.ssm_inner_size);
  }
}

LayerPlan Planner::Layer(std::uint32_t layer, bool causal) const {
  LayerPlan plan;
  const bool recurrent = IsRecurrent(layer);
  if (recurrent) AddState(plan);
  plan.experts = metadata_.weights.has_experts && shape_.expert_used_count > 0 &&
                 layer >= shape_.leading_dense_block_count;
  plan.feed_forward = plan.experts ? 0 : shape_.feed_forward_length.At(layer);
  if (recurrent && metadata_.architecture != kBoth) return plan;
  plan.attends = true;
  plan.heads = shape_.Heads(layer);
  plan.kv_heads = shape_.KvHeads(layer);
  plan.windowed = IsWindowed(layer);
  plan.key_length =
      plan.windowed && shape_.key_length_swa > 0 ? shape_.key_length_swa : shape_.KeyLength();
  plan.value_length =
      plan.windowed && shape_.value_length_swa > 0 ? shape_.value_length_swa : shape_.ValueLength();
  plan.key_elements = SaturatingProduct(plan.kv_heads, plan.key_length);
  plan.value_elements = plan_.latent ? 0 : SaturatingProduct(plan.kv_heads, plan.value_length);
  const std::uint32_t shared = std::min(shape_.shared_kv_layers, shape_.block_count);
  plan.cached = causal && layer < shape_.block_count - shared;
  return plan;
}

}  // namespace

Result<ModelPlan> PlanLayers(const GgufMetadata& metadata) { return Planner(metadata).Plan(); }

}  // namespace tidegate::models
