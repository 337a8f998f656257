#include "models/gguf_keys.h"

#include <algorithm>
#include <array>
#include <variant>

namespace tidegate::models {
namespace {

// Keys under prefixes that nobody knows are held until the architecture is known; a file needs a
// few dozen.
constexpr std::size_t kHeldMax = 1'024;

using Member = std::variant<std::uint32_t GgufShape::*, PerLayer GgufShape::*>;
struct ShapeKey {
  std::string_view name;  // behind the architecture and a dot
  Member member;
};
constexpr std::array kShapeKeys = {
    ShapeKey{"block_count", &GgufShape::block_count},
    ShapeKey{"nextn_predict_layers", &GgufShape::nextn_predict_layers},
    ShapeKey{"embedding_length", &GgufShape::embedding_length},
    ShapeKey{"vocab_size", &GgufShape::vocabulary},
    ShapeKey{"feed_forward_length", &GgufShape::feed_forward_length},
    ShapeKey{"attention.head_count", &GgufShape::head_count},
    ShapeKey{"attention.head_count_kv", &GgufShape::head_count_kv},
    ShapeKey{"attention.key_length", &GgufShape::key_length},
    ShapeKey{"attention.value_length", &GgufShape::value_length},
    ShapeKey{"attention.key_length_swa", &GgufShape::key_length_swa},
    ShapeKey{"attention.value_length_swa", &GgufShape::value_length_swa},
    ShapeKey{"attention.sliding_window", &GgufShape::sliding_window},
    ShapeKey{"attention.sliding_window_pattern", &GgufShape::sliding_window_pattern},
    ShapeKey{"attention.shared_kv_layers", &GgufShape::shared_kv_layers},
    ShapeKey{"attention.q_lora_rank", &GgufShape::q_lora_rank},
    ShapeKey{"attention.kv_lora_rank", &GgufShape::kv_lora_rank},
    ShapeKey{"attention.key_length_mla", &GgufShape::key_length_mla},
    ShapeKey{"attention.value_length_mla", &GgufShape::value_length_mla},
    ShapeKey{"rope.dimension_count", &GgufShape::rope_dimension_count},
    ShapeKey{"full_attention_interval", &GgufShape::full_attention_interval},
    ShapeKey{"expert_count", &GgufShape::expert_count},
    ShapeKey{"expert_used_count", &GgufShape::expert_used_count},
    ShapeKey{"expert_feed_forward_length", &GgufShape::expert_feed_forward_length},
    ShapeKey{"expert_shared_feed_forward_length", &GgufShape::expert_shared_feed_forward_length},
    ShapeKey{"expert_shared_count", &GgufShape::expert_shared_count},
    ShapeKey{"leading_dense_block_count", &GgufShape::leading_dense_block_count},
    ShapeKey{"ssm.conv_kernel", &GgufShape::ssm_conv_kernel},
    ShapeKey{"ssm.inner_size", &GgufShape::ssm_inner_size},
    ShapeKey{"ssm.state_size", &GgufShape::ssm_state_size},
    ShapeKey{"ssm.group_count", &GgufShape::ssm_group_count},
    ShapeKey{"ssm.time_step_rank", &GgufShape::ssm_time_step_rank},
    ShapeKey{"wkv.head_size", &GgufShape::wkv_head_size},
    ShapeKey{"token_shift_count", &GgufShape::token_shift_count},
    ShapeKey{"shortconv.l_cache", &GgufShape::shortconv_l_cache},
};
constexpr std::string_view kContext = "context_length";
constexpr std::string_view kPooling = "pooling_type";
constexpr std::string_view kCausal = "attention.causal";

constexpr std::string_view kClip = "clip";  // the architecture of projectors
struct ProjectorKey {
  std::string_view name;
  std::uint32_t GgufProjector::*member;
};
constexpr std::array kProjectorKeys = {
    ProjectorKey{"clip.vision.image_size", &GgufProjector::image_size},
    ProjectorKey{"clip.vision.patch_size", &GgufProjector::patch_size},
    ProjectorKey{"clip.vision.embedding_length", &GgufProjector::embedding_length},
    ProjectorKey{"clip.vision.feed_forward_length", &GgufProjector::feed_forward_length},
    ProjectorKey{"clip.vision.attention.head_count", &GgufProjector::head_count},
    ProjectorKey{"clip.vision.block_count", &GgufProjector::block_count},
    ProjectorKey{"clip.vision.projection_dim", &GgufProjector::projection_dim},
};
constexpr std::string_view kHasVision = "clip.has_vision_encoder";
constexpr std::string_view kHasAudio = "clip.has_audio_encoder";

enum FillInPart : std::uint8_t { kFillPrefix, kFillSuffix, kFillMiddle };

// Tokens that models for filling in are trained with, as llama.cpp looks for them when no key names
// them.
constexpr std::array<std::pair<std::string_view, FillInPart>, 20> kFillInTokens = {{
    {"<|fim_prefix|>", kFillPrefix},  {"<fim-prefix>", kFillPrefix},
    {"<fim_prefix>", kFillPrefix},    {"<PRE>", kFillPrefix},
    {"\u2581<PRE>", kFillPrefix},     {"<|code_prefix|>", kFillPrefix},
    {"<|prefix|>", kFillPrefix},      {"<|fim_suffix|>", kFillSuffix},
    {"<fim-suffix>", kFillSuffix},    {"<fim_suffix>", kFillSuffix},
    {"<SUF>", kFillSuffix},           {"\u2581<SUF>", kFillSuffix},
    {"<|code_suffix|>", kFillSuffix}, {"<|fim_middle|>", kFillMiddle},
    {"<fim-middle>", kFillMiddle},    {"<fim_middle>", kFillMiddle},
    {"<MID>", kFillMiddle},           {"\u2581<MID>", kFillMiddle},
    {"<|code_middle|>", kFillMiddle}, {"<|middle|>", kFillMiddle},
}};
constexpr std::size_t kFillInTokenBytesMax = 16;
struct FillInKey {
  std::string_view name, old_name;
};
constexpr std::array<FillInKey, 3> kFillInKeys = {{
    {"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"},
    {"tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"},
    {"tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"},
}};

bool Contains(std::string_view text, std::string_view word) { return text.find(word) != text.npos; }

// What stands behind the first dot; empty without one.
std::string_view BehindPrefix(std::string_view key) {
  const std::size_t dot = key.find('.');
  return dot == key.npos ? std::string_view() : key.substr(dot + 1);
}

bool IsHeld(std::string_view key) {
  if (key.starts_with("clip.")) {
    return key == kHasVision || key == kHasAudio ||
           std::any_of(kProjectorKeys.begin(), kProjectorKeys.end(),
                       [key](const ProjectorKey& known) { return known.name == key; });
  }
  const std::string_view name = BehindPrefix(key);
  return name == kContext || name == kPooling || name == kCausal ||
         std::any_of(kShapeKeys.begin(), kShapeKeys.end(),
                     [name](const ShapeKey& known) { return known.name == name; });
}

// Guesses. A template that can offer tools or thinking has to name what it gets them in;
// llama-server knows better once it runs.
void LookAtTemplate(std::string_view text, GgufMetadata& metadata) {
  metadata.has_chat_template = !text.empty();
  metadata.template_uses_tools |= Contains(text, "tools") || Contains(text, "tool_call");
  metadata.template_uses_reasoning = Contains(text, "<think>") ||
                                     Contains(text, "enable_thinking") ||
                                     Contains(text, "reasoning_content");
}

}  // namespace

Result<void> GgufKeys::Take(std::string_view key, GgufScalar value) {
  if (key == "general.file_type") {
    if (!value.IsInteger()) return MalformedGguf("general.file_type is no number");
    metadata_.quantisation = FileTypeName(value.integer);
    return {};
  }
  if (key == "split.count" || key == "split.no") return TakeSplit(key, value);
  if (IsHeld(key)) return Hold({.key = std::string(key), .value = std::move(value), .numbers = {}});
  return TakeText(key, std::move(value));
}

Result<void> GgufKeys::TakeSplit(std::string_view key, const GgufScalar& value) {
  if (!value.IsInteger() || value.integer > UINT16_MAX) {
    return MalformedGguf(std::string(key) + " is no small number");
  }
  (key == "split.count" ? metadata_.split_count : metadata_.split_index) =
      static_cast<std::uint32_t>(value.integer);
  return {};
}

Result<void> GgufKeys::Hold(Held held) {
  if (held_.size() >= kHeldMax) {
    return MalformedGguf("it has sizes of more architectures than one");
  }
  held_.push_back(std::move(held));
  return {};
}

Result<void> GgufKeys::TakeText(std::string_view key, GgufScalar value) {
  std::string* into = nullptr;
  if (key == "general.architecture") into = &metadata_.architecture;
  if (key == "general.type") into = &metadata_.type;
  if (key == "general.name") into = &metadata_.name;
  if (key == "general.size_label") into = &metadata_.size_label;
  if (key == "general.license") into = &metadata_.license;
  if (key == "general.base_model.0.name") into = &metadata_.base_model;
  if (key == "clip.projector_type" || key == "clip.vision.projector_type") {
    into = &metadata_.projector.type;
  }
  if (key == "tokenizer.ggml.model") into = &metadata_.tokenizer;
  if (key == "tokenizer.chat_template") into = &metadata_.chat_template;
  if (key == "tokenizer.chat_template.tool_use") metadata_.template_uses_tools = true;
  for (std::size_t part = 0; part < kFillInKeys.size(); ++part) {
    const bool named = key == kFillInKeys[part].name || key == kFillInKeys[part].old_name;
    if (named && value.IsInteger()) fill_in_[part].number = value.integer;
  }
  if (into == nullptr) return {};
  if (value.type != kGgufString) return MalformedGguf(std::string(key) + " is no string");
  const bool is_template = into == &metadata_.chat_template;
  if (value.text.size() > (is_template ? kGgufTemplateBytesMax : kGgufDisplayBytesMax)) {
    return MalformedGguf(std::string(key) + " has " + std::to_string(value.text.size()) + " bytes");
  }
  if (is_template) LookAtTemplate(value.text, metadata_);
  *into = std::move(value.text);
  return {};
}

Result<std::uint64_t> GgufKeys::TakeArray(std::string_view key, std::uint32_t type,
                                          std::uint64_t count) {
  array_ = Array::kNone;
  if (key == "tokenizer.ggml.tokens") {
    if (type != kGgufString) return MalformedGguf("tokenizer.ggml.tokens is no list of strings");
    array_ = Array::kTokens;
    vocabulary_ = count;
    return count;
  }
  if (IsHeld(key)) {
    Held held{.key = std::string(key), .value = {}, .numbers = {}, .is_array = true};
    held.impossible = count > kGgufLayersMax || (!IsGgufInteger(type) && type != kGgufBool);
    if (!held.impossible) array_ = Array::kNumbers;
    TIDEGATE_TRY(Hold(std::move(held)));
    return array_ == Array::kNumbers ? count : 0;
  }
  // Everything that we want a text of is refused as a list.
  TIDEGATE_TRY(Take(key, {}));
  return 0;
}

Result<void> GgufKeys::TakeElement(GgufScalar& value) {
  if (array_ == Array::kTokens) {
    LookForFillIn(value.text);
    return {};
  }
  Held& held = held_.back();
  if (value.integer > kGgufSizeMax) held.impossible = true;
  held.numbers.push_back(held.impossible ? 0 : static_cast<std::uint32_t>(value.integer));
  return {};
}

void GgufKeys::LookForFillIn(std::string_view token) {
  const std::uint64_t number = tokens_seen_++;
  if (token.size() > kFillInTokenBytesMax) return;
  for (const auto& [text, part] : kFillInTokens) {
    if (token == text && !fill_in_[part].of_word) fill_in_[part].of_word = number;
  }
}

// A number that the vocabulary does not have is as good as none: the engine ignores it.
void GgufKeys::FinishFillIn(GgufMetadata& metadata) const {
  std::array<std::uint32_t, 3> numbers{};
  for (std::size_t part = 0; part < fill_in_.size(); ++part) {
    const std::optional<std::uint64_t>& number =
        fill_in_[part].number ? fill_in_[part].number : fill_in_[part].of_word;
    const std::uint64_t end = vocabulary_ > 0 ? vocabulary_ : kGgufSizeMax;
    if (!number || *number >= end) return;
    numbers[part] = static_cast<std::uint32_t>(*number);
  }
  metadata.fill_in = GgufFillIn{numbers[0], numbers[1], numbers[2]};
}

Result<void> GgufKeys::Finish(GgufMetadata& metadata) {
  metadata_.version = metadata.version;
  metadata_.tensor_count = metadata.tensor_count;
  metadata = std::move(metadata_);
  if (metadata.type.empty()) metadata.type = "model";
  if (metadata.quantisation.empty()) metadata.quantisation = "unknown";
  if (metadata.split_count == 0) metadata.split_count = 1;
  if (metadata.split_index >= metadata.split_count) {
    return MalformedGguf("it is part " + std::to_string(metadata.split_index) + " of " +
                         std::to_string(metadata.split_count));
  }
  if (metadata.architecture.empty() && metadata.split_index == 0) {  // later parts do not repeat it
    return MalformedGguf("general.architecture is missing");
  }
  FinishFillIn(metadata);
  TIDEGATE_TRY(FinishArchitecture(metadata));
  if (metadata.architecture == kClip) TIDEGATE_TRY(FinishProjector(metadata));
  FinishKind(metadata);
  FinishPooling(metadata);
  return {};
}

namespace {

Result<std::uint32_t> OneNumber(const std::string& key, bool is_array, const GgufScalar& value,
                                std::uint64_t max) {
  if (is_array || !value.IsInteger() || value.integer > max) {
    return MalformedGguf(key + " is no number from 0 to " + std::to_string(max));
  }
  return static_cast<std::uint32_t>(value.integer);
}

}  // namespace

Result<void> GgufKeys::FinishNumber(Held& held, std::string_view name, GgufMetadata& metadata) {
  if (name == kCausal) {
    if (held.is_array || held.value.type != kGgufBool) {
      return MalformedGguf(held.key + " is no truth value");
    }
    metadata.shape.causal = held.value.integer != 0;
    return {};
  }
  if (name == kContext) {
    TIDEGATE_ASSIGN(metadata.context_tokens,
                    OneNumber(held.key, held.is_array, held.value, INT32_MAX));
    return {};
  }
  if (name == kPooling) {
    TIDEGATE_ASSIGN(pooling_type_, OneNumber(held.key, held.is_array, held.value, UINT16_MAX));
    return {};
  }
  const auto known = std::find_if(kShapeKeys.begin(), kShapeKeys.end(),
                                  [name](const ShapeKey& key) { return key.name == name; });
  if (known == kShapeKeys.end()) return {};
  if (const auto* single = std::get_if<std::uint32_t GgufShape::*>(&known->member)) {
    TIDEGATE_ASSIGN(metadata.shape.**single,
                    OneNumber(held.key, held.is_array, held.value, kGgufSizeMax));
    return {};
  }
  if (!held.is_array) {
    const bool usable = held.value.IsInteger() || held.value.type == kGgufBool;
    held.impossible = !usable || held.value.integer > kGgufSizeMax;
    held.numbers = {static_cast<std::uint32_t>(held.value.integer)};
  }
  if (held.impossible || held.numbers.empty()) {
    return MalformedGguf(held.key + " is neither a number from 0 to " +
                         std::to_string(kGgufSizeMax) + " nor one for each layer");
  }
  (metadata.shape.*std::get<PerLayer GgufShape::*>(known->member)).values = std::move(held.numbers);
  return {};
}

Result<void> GgufKeys::FinishArchitecture(GgufMetadata& metadata) {
  const std::string prefix = metadata.architecture + ".";
  for (Held& held : held_) {
    if (!held.key.starts_with(prefix)) continue;
    const std::string name = held.key.substr(prefix.size());
    TIDEGATE_TRY(FinishNumber(held, name, metadata));
  }
  GgufShape& shape = metadata.shape;
  if (shape.block_count > kGgufLayersMax) {
    return MalformedGguf(prefix + "block_count is " + std::to_string(shape.block_count) +
                         ", and at most " + std::to_string(kGgufLayersMax) + " are possible");
  }
  if (vocabulary_ > 0) shape.vocabulary = static_cast<std::uint32_t>(vocabulary_);
  for (const ShapeKey& known : kShapeKeys) {
    const auto* member = std::get_if<PerLayer GgufShape::*>(&known.member);
    const std::size_t count = member == nullptr ? 0 : (shape.**member).values.size();
    if (count > 1 && count != shape.block_count) {
      return MalformedGguf(prefix + std::string(known.name) + " has " + std::to_string(count) +
                           " numbers for " + std::to_string(shape.block_count) + " layers");
    }
  }
  return {};
}

Result<void> GgufKeys::FinishProjector(GgufMetadata& metadata) {
  for (const Held& held : held_) {
    if (held.key == kHasVision || held.key == kHasAudio) {
      if (held.is_array || held.value.type != kGgufBool) {
        return MalformedGguf(held.key + " is no truth value");
      }
      (held.key == kHasVision ? metadata.projector.vision : metadata.projector.audio) =
          held.value.integer != 0;
    }
    for (const ProjectorKey& known : kProjectorKeys) {
      if (known.name != held.key) continue;
      TIDEGATE_ASSIGN(metadata.projector.*known.member,
                      OneNumber(held.key, held.is_array, held.value, kGgufSizeMax));
    }
  }
  return {};
}

void GgufKeys::FinishKind(GgufMetadata& metadata) const {
  const std::string_view architecture = metadata.architecture;
  if (metadata.type == "adapter") {
    metadata.kind = GgufKind::kAdapter;
  } else if (metadata.type == "mmproj" || architecture == kClip) {
    metadata.kind = GgufKind::kProjector;
  } else if (metadata.type != "model") {
    metadata.kind = GgufKind::kOther;
  } else if (architecture.starts_with("eagle") || architecture == "dflash" ||
             architecture == "dspark" || architecture.ends_with("-assistant")) {
    metadata.kind = GgufKind::kDraft;
  }
}

void GgufKeys::FinishPooling(GgufMetadata& metadata) const {
  constexpr std::uint64_t kPoolingRank = 4;  // 1 mean, 2 first, 3 last
  if (pooling_type_.value_or(0) != 0) {
    metadata.pooling = pooling_type_ == kPoolingRank ? GgufPooling::kRank : GgufPooling::kEmbedding;
  } else if (Contains(metadata.architecture, "bert") ||
             Contains(metadata.architecture, "embedding")) {
    metadata.pooling = GgufPooling::kEmbedding;
  }
}

}  // namespace tidegate::models
