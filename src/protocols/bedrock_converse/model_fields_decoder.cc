#include "protocols/bedrock_converse/model_fields_decoder.h"

#include <array>
#include <optional>
#include <string_view>

#include "protocols/bedrock_converse/limits.h"
#include "protocols/fields.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

using core::Capability;

constexpr FieldNames kFields{
    std::to_array<std::string_view>({"thinking", "reasoning_config", "reasoningConfig",
                                     "reasoning_effort", "reasoning", "top_k", "inferenceConfig"})};
constexpr FieldNames kThinking{
    std::to_array<std::string_view>({"type", "budget_tokens", "display", "maxReasoningEffort"})};
constexpr FieldNames kReasoning{std::to_array<std::string_view>({"effort"})};
constexpr FieldNames kNovaInference{std::to_array<std::string_view>({"topK"})};

class ModelFieldsDecoder {
 public:
  ModelFieldsDecoder(RequestTexts& texts, core::Request& request)
      : texts_(texts), request_(request) {}

  Result<void> Decode(const json::Value& value) {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kFields, value));
    if (fields.has_unknown()) {
      TIDEGATE_TRY(fields.object().RequireUniqueKeys());
      texts_.NeedVendor(fields.UnknownPath());
      texts_.Count(value.raw().size());
    }
    for (const std::size_t index : {kFields.Index("thinking"), kFields.Index("reasoning_config"),
                                    kFields.Index("reasoningConfig")}) {
      if (const std::optional<json::Value> thinking = fields.Value(index)) {
        TIDEGATE_TRY(DecodeThinking(*thinking));
      }
    }
    if (const std::optional<json::Value> effort = fields.Value(kFields.Index("reasoning_effort"))) {
      TIDEGATE_TRY(TakeEffort(*effort));
    }
    if (const std::optional<json::Value> reasoning = fields.Value(kFields.Index("reasoning"))) {
      TIDEGATE_ASSIGN(const auto members, ReadFields(kReasoning, *reasoning));
      texts_.NeedVendorIfUnknown(members);
      if (const std::optional<json::Value> effort = members.Value(kReasoning.Index("effort"))) {
        TIDEGATE_TRY(TakeEffort(*effort));
      }
    }
    if (const std::optional<json::Value> top_k = fields.Value(kFields.Index("top_k"))) {
      TIDEGATE_TRY(TakeTopK(*top_k));
    }
    if (const std::optional<json::Value> nova = fields.Value(kFields.Index("inferenceConfig"))) {
      TIDEGATE_ASSIGN(const auto members, ReadFields(kNovaInference, *nova));
      texts_.NeedVendorIfUnknown(members);
      if (const std::optional<json::Value> top_k = members.Value(kNovaInference.Index("topK"))) {
        TIDEGATE_TRY(TakeTopK(*top_k));
      }
    }
    return {};
  }

 private:
  Result<void> DecodeThinking(const json::Value& thinking) {
    TIDEGATE_ASSIGN(const auto members, ReadFields(kThinking, thinking));
    TIDEGATE_ASSIGN(const json::Value type, members.Required(kThinking.Index("type")));
    TIDEGATE_ASSIGN(const std::string_view word, type.String());
    texts_.NeedVendorIfUnknown(members);
    if (word == "disabled") {
      request_.reasoning.mode = core::Reasoning::Mode::kOff;
      return {};
    }
    if (word != "enabled" && word != "adaptive") {
      return type.Invalid("must be one of 'enabled', 'adaptive', 'disabled'");
    }
    request_.reasoning.mode = core::Reasoning::Mode::kOn;
    texts_.Need(Capability::kReasoning);
    if (const auto budget = members.Value(kThinking.Index("budget_tokens"))) {
      TIDEGATE_ASSIGN(request_.reasoning.budget_tokens,
                      budget->IntegerIn(kThinkingBudgetMin, kOutputTokensMax));
    }
    if (const auto effort = members.Value(kThinking.Index("maxReasoningEffort"))) {
      TIDEGATE_TRY(TakeEffort(*effort));
    }
    if (const auto display = members.Value(kThinking.Index("display"))) {
      TIDEGATE_ASSIGN(const std::string_view shown, display->String());
      request_.reasoning.visible = shown != "omitted";
    }
    return {};
  }

  Result<void> TakeEffort(const json::Value& effort) {
    TIDEGATE_ASSIGN(request_.reasoning.effort, texts_.Keep(effort));
    if (request_.reasoning.effort.empty()) return effort.Invalid("must not be empty");
    const bool off = request_.reasoning.effort == "none";
    request_.reasoning.mode = off ? core::Reasoning::Mode::kOff : core::Reasoning::Mode::kOn;
    if (!off) texts_.Need(Capability::kReasoning);
    return {};
  }

  Result<void> TakeTopK(const json::Value& top_k) {
    TIDEGATE_ASSIGN(request_.top_k, top_k.IntegerIn(0, kTopKMax));
    texts_.Need(Capability::kTopK);
    return {};
  }

  RequestTexts& texts_;
  core::Request& request_;
};

}  // namespace

Result<void> DecodeModelFields(const json::Value& value, RequestTexts& texts,
                               core::Request& request) {
  return ModelFieldsDecoder(texts, request).Decode(value);
}

}  // namespace tidegate::protocols::bedrock_converse
