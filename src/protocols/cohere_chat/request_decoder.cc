#include "protocols/cohere_chat/request_decoder.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "json/splice.h"
#include "protocols/cohere_chat/limits.h"
#include "protocols/cohere_chat/message_decoder.h"
#include "protocols/extension_decoder.h"
#include "protocols/fields.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/spans.h"

namespace tidegate::protocols::cohere_chat {
namespace {

using core::Capability;

constexpr FieldNames kRoot{std::to_array<std::string_view>({"model",
                                                            "messages",
                                                            "stream",
                                                            "max_tokens",
                                                            "temperature",
                                                            "tools",
                                                            "tool_choice",
                                                            "strict_tools",
                                                            "documents",
                                                            "citation_options",
                                                            "response_format",
                                                            "safety_mode",
                                                            "stop_sequences",
                                                            "seed",
                                                            "frequency_penalty",
                                                            "presence_penalty",
                                                            "k",
                                                            "p",
                                                            "logprobs",
                                                            "thinking",
                                                            "priority",
                                                            "tidegate"})};
using RootFields = Fields<kRoot.names.size()>;

constexpr FieldNames kTool{std::to_array<std::string_view>({"type", "function"})};
constexpr FieldNames kFunction{
    std::to_array<std::string_view>({"name", "description", "parameters"})};
constexpr FieldNames kCitationOptions{std::to_array<std::string_view>({"mode"})};
constexpr FieldNames kFormat{std::to_array<std::string_view>({"type", "json_schema"})};
constexpr FieldNames kThinking{std::to_array<std::string_view>({"type", "token_budget"})};

class RequestDecoder {
 public:
  RequestDecoder(std::string_view body, const json::Value& root, const ConstraintParser& parser)
      : root_(root), parser_(parser) {
    request_.protocol = core::Protocol::kCohereChat;
    request_.body = body;
  }

  Result<core::Request> Decode() {
    TIDEGATE_ASSIGN(const RootFields fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kRoot, fields));
    TIDEGATE_ASSIGN(const json::Value model, fields.Required(kRoot.Index("model")));
    TIDEGATE_TRY(texts_.TakeModel(model, root_));
    TIDEGATE_TRY(DecodePrompt(fields));
    TIDEGATE_TRY(DecodeLimits(fields));
    TIDEGATE_TRY(DecodeSampling(fields));
    TIDEGATE_TRY(DecodeTools(fields));
    TIDEGATE_TRY(DecodeToolChoice(fields));
    TIDEGATE_TRY(DecodeFormat(fields));
    TIDEGATE_TRY(DecodeThinking(fields));
    TIDEGATE_TRY(DecodeVendorFields(fields));
    TIDEGATE_TRY(DecodeExtension(fields));
    return std::move(request_);
  }

 private:
  void Need(Capability capability) { texts_.Need(capability); }

  Result<void> DecodePrompt(const RootFields& fields) {
    TIDEGATE_ASSIGN(const json::Value messages, fields.Required(kRoot.Index("messages")));
    MessageDecoder decoder(request_, texts_);
    TIDEGATE_TRY(decoder.DecodeMessages(messages));
    TIDEGATE_ASSIGN(const bool cited, WantsCitations(fields));
    const std::optional<json::Value> documents = fields.Value(kRoot.Index("documents"));
    return documents ? decoder.DecodeDocuments(*documents, cited) : Result<void>();
  }

  // Documents are cited unless the caller says otherwise; how carefully is a hint.
  Result<bool> WantsCitations(const RootFields& fields) {
    const std::optional<json::Value> options = fields.Value(kRoot.Index("citation_options"));
    if (!options) return true;
    TIDEGATE_ASSIGN(const auto members, ReadFields(kCitationOptions, *options));
    texts_.NeedVendorIfUnknown(members);
    const std::optional<json::Value> mode = members.Value(kCitationOptions.Index("mode"));
    if (!mode) return true;
    TIDEGATE_ASSIGN(const std::string_view word, mode->String());
    for (const std::string_view on : {"ENABLED", "FAST", "ACCURATE"}) {
      if (word == on) return true;
    }
    if (word == "OFF" || word == "DISABLED") return false;
    return mode->Invalid("must be one of 'ENABLED', 'DISABLED', 'FAST', 'ACCURATE', 'OFF'");
  }

  Result<void> DecodeLimits(const RootFields& fields) {
    if (const auto& stream = fields.Member(kRoot.Index("stream"))) {
      request_.spans.stream = ToCore(stream->value.span());
      if (!stream->value.is_null()) {
        TIDEGATE_ASSIGN(request_.stream, stream->value.Bool());
      }
    }
    request_.stream_usage = request_.stream;
    const auto& limit = fields.Member(kRoot.Index("max_tokens"));
    if (!limit) return {};
    request_.spans.max_tokens_key = ToCore(limit->key_span());
    request_.spans.max_tokens = ToCore(limit->value.span());
    if (limit->value.is_null()) return {};
    TIDEGATE_ASSIGN(request_.max_output_tokens, limit->value.IntegerIn(1, kOutputTokensMax));
    return {};
  }

  Result<void> ReadNumber(const RootFields& fields, std::size_t index, double high,
                          std::optional<double>& out) {
    const std::optional<json::Value> value = fields.Value(index);
    if (!value) return {};
    TIDEGATE_ASSIGN(const double number, value->Number());
    if (!(number >= 0 && number <= high)) {
      return value->Invalid("must be a number from 0 to " + std::to_string(static_cast<int>(high)));
    }
    out = number;
    return {};
  }

  Result<void> DecodeSampling(const RootFields& fields) {
    TIDEGATE_TRY(ReadNumber(fields, kRoot.Index("temperature"), kClientTemperatureMax,
                            request_.temperature));
    TIDEGATE_TRY(ReadNumber(fields, kRoot.Index("p"), 1, request_.top_p));
    TIDEGATE_TRY(ReadNumber(fields, kRoot.Index("frequency_penalty"), kPenaltyMax,
                            request_.frequency_penalty));
    TIDEGATE_TRY(ReadNumber(fields, kRoot.Index("presence_penalty"), kPenaltyMax,
                            request_.presence_penalty));
    if (request_.temperature.value_or(1) != 1 || request_.top_p.value_or(1) != 1) {
      Need(Capability::kTemperature);
    }
    if (request_.presence_penalty.value_or(0) != 0 || request_.frequency_penalty.value_or(0) != 0) {
      Need(Capability::kPenalties);
    }
    if (const std::optional<json::Value> seed = fields.Value(kRoot.Index("seed"))) {
      TIDEGATE_ASSIGN(request_.seed, seed->Integer());
      Need(Capability::kSeed);
    }
    if (const std::optional<json::Value> k = fields.Value(kRoot.Index("k"))) {
      TIDEGATE_ASSIGN(const std::int64_t top_k, k->IntegerIn(0, kTopKMax));
      if (top_k > 0) {  // 0 = off, which is how it is without it
        request_.top_k = top_k;
        Need(Capability::kTopK);
      }
    }
    const std::optional<json::Value> stop = fields.Value(kRoot.Index("stop_sequences"));
    return stop ? DecodeStop(*stop) : Result<void>();
  }

  Result<void> DecodeStop(const json::Value& stop) {
    TIDEGATE_ASSIGN(const json::Array array, stop.Array());
    for (const json::Value element : array) {
      if (request_.stop.size() == kStopSequencesMax) {
        return stop.Invalid("has more than " + std::to_string(kStopSequencesMax) + " strings");
      }
      TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(element));
      request_.stop.push_back(text);
    }
    if (!request_.stop.empty()) Need(Capability::kStop);
    return {};
  }

  Result<void> DecodeTools(const RootFields& fields) {
    std::optional<bool> strict;
    if (const std::optional<json::Value> value = fields.Value(kRoot.Index("strict_tools"))) {
      TIDEGATE_ASSIGN(strict, value->Bool());
    }
    const std::optional<json::Value> tools = fields.Value(kRoot.Index("tools"));
    if (!tools) return {};
    TIDEGATE_ASSIGN(const json::Array array, tools->Array());
    for (const json::Value value : array) {
      if (request_.tools.size() == kToolsMax) {
        return tools->Invalid("has more than " + std::to_string(kToolsMax) + " tools");
      }
      texts_.Count(value.raw().size());
      Need(Capability::kTools);
      TIDEGATE_TRY(DecodeTool(value, strict));
    }
    return {};
  }

  Result<void> DecodeTool(const json::Value& value, std::optional<bool> strict) {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kTool, value));
    TIDEGATE_ASSIGN(const json::Value type, fields.Required(kTool.Index("type")));
    TIDEGATE_ASSIGN(const std::string_view word, type.String());
    if (word != "function") return type.Invalid("must be 'function'");
    TIDEGATE_ASSIGN(const json::Value function, fields.Required(kTool.Index("function")));
    texts_.NeedVendorIfUnknown(fields);
    TIDEGATE_ASSIGN(const auto members, ReadFields(kFunction, function));
    TIDEGATE_ASSIGN(const json::Value name, members.Required(kFunction.Index("name")));
    texts_.NeedVendorIfUnknown(members);
    core::ToolSpec tool;
    TIDEGATE_ASSIGN(tool.name, texts_.Keep(*members.Member(kFunction.Index("name"))));
    if (tool.name.empty()) return name.Invalid("must not be empty");
    if (tool.name.size() > kToolNameBytesMax) {
      return name.Invalid("has " + std::to_string(tool.name.size()) + " bytes, the limit is " +
                          std::to_string(kToolNameBytesMax));
    }
    if (members.Value(kFunction.Index("description"))) {
      TIDEGATE_ASSIGN(tool.description,
                      texts_.Keep(*members.Member(kFunction.Index("description"))));
    }
    if (const std::optional<json::Value> schema = members.Value(kFunction.Index("parameters"))) {
      if (!schema->is_object()) return schema->Mismatch("a JSON Schema object");
      tool.parameters = schema->raw();
    }
    tool.strict = strict;
    request_.tools.push_back(tool);
    return {};
  }

  Result<void> DecodeToolChoice(const RootFields& fields) {
    const std::optional<json::Value> choice = fields.Value(kRoot.Index("tool_choice"));
    if (!choice) return {};
    TIDEGATE_ASSIGN(const std::string_view word, choice->String());
    if (word == "NONE") {
      request_.tool_choice = core::ToolChoiceKind::kNone;
      return {};
    }
    if (word != "REQUIRED") return choice->Invalid("must be 'REQUIRED' or 'NONE'");
    if (request_.tools.empty()) {
      return choice->Invalid("'REQUIRED' needs `tools` to choose from");
    }
    request_.tool_choice = core::ToolChoiceKind::kRequired;
    Need(Capability::kToolChoice);
    return {};
  }

  Result<void> DecodeFormat(const RootFields& fields) {
    const std::optional<json::Value> format = fields.Value(kRoot.Index("response_format"));
    if (!format) return {};
    TIDEGATE_ASSIGN(const auto members, ReadFields(kFormat, *format));
    TIDEGATE_ASSIGN(const json::Value type, members.Required(kFormat.Index("type")));
    TIDEGATE_ASSIGN(const std::string_view word, type.String());
    texts_.NeedVendorIfUnknown(members);
    const std::optional<json::Value> schema = members.Value(kFormat.Index("json_schema"));
    if (word == "text") {
      if (schema) return schema->Invalid("is only allowed with type 'json_object'");
      request_.response_format = core::ResponseFormat::kText;
      return {};
    }
    if (word != "json_object") return type.Invalid("must be 'text' or 'json_object'");
    if (!schema) {
      request_.response_format = core::ResponseFormat::kJsonObject;
      Need(Capability::kJsonObject);
      return {};
    }
    if (!schema->is_object()) return schema->Mismatch("a JSON Schema object");
    request_.response_format = core::ResponseFormat::kJsonSchema;
    request_.json_schema.schema = schema->raw();
    request_.json_schema.strict = true;  // the API knows no other kind
    Need(Capability::kJsonSchema);
    texts_.Count(schema->raw().size());
    return {};
  }

  Result<void> DecodeThinking(const RootFields& fields) {
    const std::optional<json::Value> thinking = fields.Value(kRoot.Index("thinking"));
    if (!thinking) return {};
    TIDEGATE_ASSIGN(const auto members, ReadFields(kThinking, *thinking));
    TIDEGATE_ASSIGN(const json::Value type, members.Required(kThinking.Index("type")));
    TIDEGATE_ASSIGN(const std::string_view word, type.String());
    texts_.NeedVendorIfUnknown(members);
    std::optional<std::int64_t> tokens;
    if (const std::optional<json::Value> budget = members.Value(kThinking.Index("token_budget"))) {
      TIDEGATE_ASSIGN(tokens, budget->IntegerIn(1, kOutputTokensMax));
    }
    if (word == "disabled") {
      request_.reasoning.mode = core::Reasoning::Mode::kOff;
      return {};
    }
    if (word != "enabled") return type.Invalid("must be 'enabled' or 'disabled'");
    request_.reasoning.mode = core::Reasoning::Mode::kOn;
    request_.reasoning.budget_tokens = tokens;
    Need(Capability::kReasoning);
    return {};
  }

  Result<void> DecodeVendorFields(const RootFields& fields) {
    // The default is what a target without the field does; the others are this vendor's own
    // prompts.
    if (const std::optional<json::Value> mode = fields.Value(kRoot.Index("safety_mode"))) {
      TIDEGATE_ASSIGN(const std::string_view word, mode->String());
      if (word != "CONTEXTUAL" && word != "STRICT" && word != "OFF") {
        return mode->Invalid("must be one of 'CONTEXTUAL', 'STRICT', 'OFF'");
      }
      if (word != "CONTEXTUAL") texts_.NeedVendor(mode->Path());
    }
    // Its log-probabilities are of pieces of text with several tokens each, which no other protocol
    // can say.
    if (const std::optional<json::Value> logprobs = fields.Value(kRoot.Index("logprobs"))) {
      TIDEGATE_ASSIGN(request_.logprobs, logprobs->Bool());
      if (request_.logprobs) texts_.NeedVendor(logprobs->Path());
    }
    if (const std::optional<json::Value> priority = fields.Value(kRoot.Index("priority"))) {
      TIDEGATE_TRY(priority->IntegerIn(0, kPriorityMax));  // a hint
    }
    return {};
  }

  Result<void> DecodeExtension(const RootFields& fields) {
    const auto& tidegate = fields.Member(kRoot.Index("tidegate"));
    if (!tidegate) return {};
    if (!tidegate->value.is_null()) {
      TIDEGATE_TRY(protocols::DecodeExtension(tidegate->value, parser_, request_.constraints));
    }
    constexpr std::array<std::string_view, 1> kOurs = {"tidegate"};
    request_.spans.tidegate_member = ToCore(json::RemovalSpans(fields.object(), kOurs)[0]);
    return {};
  }

  json::Value root_;
  const ConstraintParser& parser_;
  core::Request request_;
  RequestTexts texts_{request_};
};

}  // namespace

Result<core::Request> DecodeChatRequest(std::string_view body,
                                        const ConstraintParser& constraints) {
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
  return RequestDecoder(body, root, constraints).Decode();
}

}  // namespace tidegate::protocols::cohere_chat
