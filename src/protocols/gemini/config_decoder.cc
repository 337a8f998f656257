#include "protocols/gemini/config_decoder.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/gemini/limits.h"
#include "protocols/gemini/proto_fields.h"
#include "protocols/gemini/schema.h"
#include "protocols/spans.h"

namespace tidegate::protocols::gemini {
namespace {

using core::Capability;

constexpr FieldNames kConfig{std::to_array<std::string_view>(
    {"temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences",
     "responseMimeType", "responseSchema", "responseJsonSchema", "seed", "presencePenalty",
     "frequencyPenalty", "responseLogprobs", "logprobs", "thinkingConfig", "responseModalities",
     "mediaResolution"})};
using ConfigFields = Fields<kConfig.names.size()>;
constexpr FieldNames kThinking{
    std::to_array<std::string_view>({"includeThoughts", "thinkingBudget", "thinkingLevel"})};

struct Level {
  std::string_view word, effort;
};
constexpr std::array<Level, 5> kLevels = {{{"MINIMAL", "minimal"},
                                           {"LOW", "low"},
                                           {"MEDIUM", "medium"},
                                           {"HIGH", "high"},
                                           {"XHIGH", "xhigh"}}};

class ConfigDecoder {
 public:
  ConfigDecoder(const ConfigFields& fields, core::Request& request, RequestTexts& texts)
      : fields_(fields), request_(request), texts_(texts) {}

  Result<void> Decode() {
    TIDEGATE_TRY(DecodeSampling());
    TIDEGATE_TRY(DecodeLimits());
    TIDEGATE_TRY(DecodeFormat());
    TIDEGATE_TRY(DecodeLogprobs());
    return DecodeThinking();
  }

 private:
  Result<void> ReadNumber(std::size_t index, double low, double high, std::optional<double>& out) {
    const std::optional<json::Value> value = fields_.Value(index);
    if (!value) return {};
    TIDEGATE_ASSIGN(const double number, value->Number());
    if (!(number >= low && number <= high)) {
      return value->Invalid("must be a number from " + std::to_string(static_cast<int>(low)) +
                            " to " + std::to_string(static_cast<int>(high)));
    }
    out = number;
    return {};
  }

  Result<void> ReadInteger(std::size_t index, std::int64_t low, std::int64_t high,
                           std::optional<std::int64_t>& out) {
    const std::optional<json::Value> value = fields_.Value(index);
    if (!value) return {};
    TIDEGATE_ASSIGN(out, IntegerOf(*value, low, high));
    return {};
  }

  Result<void> DecodeSampling() {
    core::Request& r = request_;
    TIDEGATE_TRY(ReadNumber(kConfig.Index("temperature"), 0, kTemperatureMax, r.temperature));
    TIDEGATE_TRY(ReadNumber(kConfig.Index("topP"), 0, 1, r.top_p));
    TIDEGATE_TRY(ReadInteger(kConfig.Index("topK"), 0, kTopKMax, r.top_k));
    TIDEGATE_TRY(ReadInteger(kConfig.Index("seed"), INT64_MIN, INT64_MAX, r.seed));
    TIDEGATE_TRY(ReadNumber(kConfig.Index("presencePenalty"), -kPenaltyMax, kPenaltyMax,
                            r.presence_penalty));
    TIDEGATE_TRY(ReadNumber(kConfig.Index("frequencyPenalty"), -kPenaltyMax, kPenaltyMax,
                            r.frequency_penalty));
    if (r.temperature.value_or(1) != 1 || r.top_p.value_or(1) != 1) {
      texts_.Need(Capability::kTemperature);
    }
    if (r.top_k) texts_.Need(Capability::kTopK);
    if (r.seed) texts_.Need(Capability::kSeed);
    if (r.presence_penalty.value_or(0) != 0 || r.frequency_penalty.value_or(0) != 0) {
      texts_.Need(Capability::kPenalties);
    }
    return {};
  }

  Result<void> DecodeLimits() {
    TIDEGATE_TRY(ReadInteger(kConfig.Index("maxOutputTokens"), 1, kOutputTokensMax,
                             request_.max_output_tokens));
    if (const auto& limit = fields_.Member(kConfig.Index("maxOutputTokens"))) {
      request_.spans.max_tokens = ToCore(limit->value.span());
    }
    std::optional<std::int64_t> candidates;
    TIDEGATE_TRY(ReadInteger(kConfig.Index("candidateCount"), 1, kCandidatesMax, candidates));
    request_.choices = candidates.value_or(1);
    if (request_.choices > 1) texts_.Need(Capability::kMultipleChoices);
    const std::optional<json::Value> stop = fields_.Value(kConfig.Index("stopSequences"));
    if (!stop) return {};
    TIDEGATE_ASSIGN(const json::Array array, stop->Array());
    for (const json::Value element : array) {
      if (request_.stop.size() == kStopSequencesMax) {
        return stop->Invalid("has more than " + std::to_string(kStopSequencesMax) + " strings");
      }
      TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(element));
      request_.stop.push_back(text);
    }
    if (!request_.stop.empty()) texts_.Need(Capability::kStop);
    return {};
  }

  Result<void> DecodeFormat() {
    if (const auto modalities = fields_.Value(kConfig.Index("responseModalities"))) {
      TIDEGATE_ASSIGN(const json::Array array, modalities->Array());
      for (const json::Value element : array) {
        TIDEGATE_ASSIGN(const std::string_view word, element.String());
        if (!IsWord(word, "TEXT")) texts_.NeedVendor(element.Path());
      }
    }
    std::string_view type;
    if (const auto value = fields_.Value(kConfig.Index("responseMimeType"))) {
      TIDEGATE_ASSIGN(type, value->String());
      if (type == "text/plain") request_.response_format = core::ResponseFormat::kText;
      if (type == "application/json") request_.response_format = core::ResponseFormat::kJsonObject;
      const bool known = type.empty() || type == "text/plain" || type == "application/json";
      if (!known) texts_.NeedVendor(value->Path());
    }
    const auto own = fields_.Value(kConfig.Index("responseSchema"));
    const auto plain = fields_.Value(kConfig.Index("responseJsonSchema"));
    if (own && plain) return own->Invalid("cannot stand beside responseJsonSchema");
    const std::optional<json::Value> schema = own ? own : plain;
    if (schema) {
      if (!schema->is_object()) return schema->Mismatch("a schema, which is an object");
      if (type.empty() || type == "text/plain") {
        return schema->Invalid("needs responseMimeType 'application/json'");
      }
      if (type == "application/json") {
        request_.response_format = core::ResponseFormat::kJsonSchema;
        request_.json_schema.schema = own ? texts_.Own(ToJsonSchema(*own)) : schema->raw();
        request_.json_schema.strict = true;  // the API knows no other kind
      }
      texts_.Count(schema->raw().size());
    }
    if (request_.response_format == core::ResponseFormat::kJsonObject) {
      texts_.Need(Capability::kJsonObject);
    } else if (request_.response_format == core::ResponseFormat::kJsonSchema) {
      texts_.Need(Capability::kJsonSchema);
    }
    return {};
  }

  Result<void> DecodeLogprobs() {
    if (const auto wanted = fields_.Value(kConfig.Index("responseLogprobs"))) {
      TIDEGATE_ASSIGN(request_.logprobs, wanted->Bool());
      if (request_.logprobs) texts_.Need(Capability::kLogprobs);
    }
    const auto top = fields_.Value(kConfig.Index("logprobs"));
    if (!top) return {};
    if (!request_.logprobs) return top->Invalid("needs responseLogprobs");
    TIDEGATE_ASSIGN(request_.top_logprobs, IntegerOf(*top, 0, kTopLogprobsMax));
    return {};
  }

  Result<void> DecodeThinking() {
    const auto thinking = fields_.Value(kConfig.Index("thinkingConfig"));
    if (!thinking) return {};
    TIDEGATE_ASSIGN(const auto members, ReadProto(kThinking, *thinking));
    texts_.NeedVendorIfUnknown(members);
    core::Reasoning& reasoning = request_.reasoning;
    if (const auto shown = members.Value(kThinking.Index("includeThoughts"))) {
      TIDEGATE_ASSIGN(reasoning.visible, shown->Bool());
    }
    const auto level = members.Value(kThinking.Index("thinkingLevel"));
    const auto budget = members.Value(kThinking.Index("thinkingBudget"));
    if (level && budget) return level->Invalid("cannot stand beside thinkingBudget");
    if (level) {
      TIDEGATE_ASSIGN(const std::string_view word, level->String());
      for (const Level& known : kLevels) {
        if (IsWord(word, known.word)) reasoning.effort = known.effort;
      }
      if (reasoning.effort.empty() && !IsWord(word, "THINKING_LEVEL_UNSPECIFIED")) {
        return level->Invalid("must be one of 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH', 'XHIGH'");
      }
    }
    if (budget) {
      constexpr std::int64_t kModelDecides = -1;
      TIDEGATE_ASSIGN(const std::int64_t tokens,
                      IntegerOf(*budget, kModelDecides, kOutputTokensMax));
      if (tokens == 0) reasoning.mode = core::Reasoning::Mode::kOff;
      if (tokens > 0) reasoning.budget_tokens = tokens;
    }
    if (!reasoning.effort.empty() || reasoning.budget_tokens) {
      reasoning.mode = core::Reasoning::Mode::kOn;
      texts_.Need(Capability::kReasoning);
    }
    return {};
  }

  const ConfigFields& fields_;
  core::Request& request_;
  RequestTexts& texts_;
};

}  // namespace

Result<void> DecodeGenerationConfig(const json::Value& config, core::Request& request,
                                    RequestTexts& texts) {
  TIDEGATE_ASSIGN(const ConfigFields fields, ReadProto(kConfig, config));
  texts.NeedVendorIfUnknown(fields);
  return ConfigDecoder(fields, request, texts).Decode();
}

}  // namespace tidegate::protocols::gemini
