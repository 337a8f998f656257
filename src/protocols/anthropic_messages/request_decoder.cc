#include "protocols/anthropic_messages/request_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json/splice.h"
#include "protocols/anthropic_messages/block_decoder.h"
#include "protocols/anthropic_messages/limits.h"
#include "protocols/cache_control.h"
#include "protocols/extension_decoder.h"
#include "protocols/fields.h"
#include "protocols/opaque.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/spans.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

using core::Capability;

constexpr FieldNames kRoot{std::to_array<std::string_view>(
    {"model", "messages", "max_tokens", "system", "stream", "temperature", "top_p", "top_k",
     "stop_sequences", "tools", "tool_choice", "thinking", "metadata", "service_tier",
     "output_config", "output_format", "cache_control", "tidegate"})};
using RootFields = Fields<kRoot.names.size()>;

constexpr FieldNames kMessage{std::to_array<std::string_view>({"role", "content"})};
// `eager_input_streaming`, how finely a call's arguments arrive, is a hint.
constexpr FieldNames kTool{
    std::to_array<std::string_view>({"name", "description", "input_schema", "type", "cache_control",
                                     "strict", "eager_input_streaming"})};
constexpr FieldNames kChoice{
    std::to_array<std::string_view>({"type", "name", "disable_parallel_tool_use"})};
constexpr FieldNames kThinking{
    std::to_array<std::string_view>({"type", "budget_tokens", "display"})};
constexpr FieldNames kMetadata{std::to_array<std::string_view>({"user_id"})};
constexpr FieldNames kOutputConfig{std::to_array<std::string_view>({"effort", "format"})};
constexpr FieldNames kFormat{std::to_array<std::string_view>({"type", "schema"})};

class RequestDecoder {
 public:
  RequestDecoder(const ClientHead& head, std::string_view body, const json::Value& root,
                 const ConstraintParser& parser)
      : head_(head), root_(root), parser_(parser) {
    request_.protocol = core::Protocol::kAnthropicMessages;
    request_.body = body;
  }

  Result<core::Request> Decode(bool count) {
    TIDEGATE_ASSIGN(const RootFields fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kRoot, fields));
    TIDEGATE_TRY(DecodeModel(fields));
    TIDEGATE_TRY(DecodeSystem(fields));
    TIDEGATE_TRY(DecodeMessages(fields));
    if (!count || fields.Has(kRoot.Index("max_tokens"))) TIDEGATE_TRY(DecodeLimits(fields));
    TIDEGATE_TRY(DecodeSampling(fields));
    TIDEGATE_TRY(DecodeTools(fields));
    TIDEGATE_TRY(DecodeToolChoice(fields));
    TIDEGATE_TRY(DecodeThinking(fields));
    TIDEGATE_TRY(DecodeOutput(fields));
    TIDEGATE_TRY(DecodeHints(fields));
    TIDEGATE_TRY(DecodeExtension(fields));
    for (const std::string_view name : {"anthropic-version", "anthropic-beta"}) {
      if (const auto value = head_.fields->Find(name)) {
        request_.fields.emplace_back(name, texts_.Own(*value));
      }
    }
    return std::move(request_);
  }

 private:
  Result<void> DecodeModel(const RootFields& fields) {
    TIDEGATE_ASSIGN(const json::Value model, fields.Required(kRoot.Index("model")));
    return texts_.TakeModel(model, root_);
  }

  Result<void> DecodeSystem(const RootFields& fields) {
    const std::optional<json::Value> system = fields.Value(kRoot.Index("system"));
    if (!system) return {};
    core::Message message{.role = core::Role::kSystem, .parts = {}, .name = {}};
    TIDEGATE_TRY(blocks_.Decode(*system, Place::kSystem, message.parts));
    if (!message.parts.empty()) request_.messages.push_back(std::move(message));
    return {};
  }

  Result<void> DecodeMessages(const RootFields& fields) {
    TIDEGATE_ASSIGN(const json::Value messages, fields.Required(kRoot.Index("messages")));
    TIDEGATE_ASSIGN(const json::Array array, messages.Array());
    if (array.empty()) return messages.Invalid("must hold at least one message");
    for (const json::Value value : array) {
      if (request_.messages.size() > kMessagesMax) {
        return messages.Invalid("has more than " + std::to_string(kMessagesMax) + " messages");
      }
      TIDEGATE_TRY(DecodeMessage(value));
    }
    return {};
  }

  Result<void> DecodeMessage(const json::Value& value) {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kMessage, value));
    TIDEGATE_ASSIGN(const json::Value role, fields.Required(kMessage.Index("role")));
    TIDEGATE_ASSIGN(const std::string_view word, role.String());
    texts_.NeedVendorIfUnknown(fields);
    core::Message message;
    Place place = Place::kUser;
    if (word == "assistant") {
      message.role = core::Role::kAssistant;
      place = Place::kAssistant;
    } else if (word == "system") {  // in the middle of a conversation: newer models only
      message.role = core::Role::kSystem;
      place = Place::kSystem;
    } else if (word != "user") {
      return role.Invalid("must be 'user' or 'assistant'");
    }
    TIDEGATE_ASSIGN(const json::Value content, fields.Required(kMessage.Index("content")));
    blocks_.BeginMessage();
    TIDEGATE_TRY(blocks_.Decode(content, place, message.parts));
    PutStatesInTheirParts(message.parts);
    request_.messages.push_back(std::move(message));
    return {};
  }

  Result<void> DecodeLimits(const RootFields& fields) {
    TIDEGATE_ASSIGN(const json::Value limit, fields.Required(kRoot.Index("max_tokens")));
    TIDEGATE_ASSIGN(request_.max_output_tokens, limit.IntegerIn(1, kOutputTokensMax));
    request_.spans.max_tokens = ToCore(limit.span());
    if (const auto& stream = fields.Member(kRoot.Index("stream"))) {
      request_.spans.stream = ToCore(stream->value.span());
      if (!stream->value.is_null()) {
        TIDEGATE_ASSIGN(request_.stream, stream->value.Bool());
      }
    }
    request_.stream_usage = request_.stream;
    return {};
  }

  Result<void> ReadNumber(const RootFields& fields, std::size_t index, std::optional<double>& out) {
    const std::optional<json::Value> value = fields.Value(index);
    if (!value) return {};
    TIDEGATE_ASSIGN(const double number, value->Number());
    if (!(number >= 0 && number <= 1)) return value->Invalid("must be a number from 0 to 1");
    out = number;
    if (number != 1) texts_.Need(Capability::kTemperature);
    return {};
  }

  Result<void> DecodeSampling(const RootFields& fields) {
    TIDEGATE_TRY(ReadNumber(fields, kRoot.Index("temperature"), request_.temperature));
    TIDEGATE_TRY(ReadNumber(fields, kRoot.Index("top_p"), request_.top_p));
    if (const std::optional<json::Value> top_k = fields.Value(kRoot.Index("top_k"))) {
      TIDEGATE_ASSIGN(request_.top_k, top_k->IntegerIn(0, kTopKMax));
      texts_.Need(Capability::kTopK);
    }
    const std::optional<json::Value> stop = fields.Value(kRoot.Index("stop_sequences"));
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

  Result<void> DecodeTools(const RootFields& fields) {
    const std::optional<json::Value> tools = fields.Value(kRoot.Index("tools"));
    if (!tools) return {};
    TIDEGATE_ASSIGN(const json::Array array, tools->Array());
    std::size_t count = 0;
    for (const json::Value value : array) {
      if (++count > kToolsMax) {
        return tools->Invalid("has more than " + std::to_string(kToolsMax) + " tools");
      }
      texts_.Count(value.raw().size());
      texts_.Need(Capability::kTools);
      TIDEGATE_TRY(DecodeTool(value));
    }
    return {};
  }

  Result<void> DecodeTool(const json::Value& value) {
    TIDEGATE_ASSIGN(const json::Object object, value.Object());
    if (const std::optional<json::Value> type = object.Find("type"); type && !type->is_null()) {
      TIDEGATE_ASSIGN(const std::string_view word, type->String());
      if (word != "custom") {  // a tool that the vendor defines, and perhaps runs
        TIDEGATE_TRY(object.RequireUniqueKeys());
        texts_.NeedVendor(type->Path());
        return {};
      }
    }
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kTool, value));
    TIDEGATE_ASSIGN(const json::Value name, fields.Required(kTool.Index("name")));
    TIDEGATE_ASSIGN(const json::Value schema, fields.Required(kTool.Index("input_schema")));
    texts_.NeedVendorIfUnknown(fields);
    core::ToolSpec tool;
    TIDEGATE_ASSIGN(tool.name, texts_.Keep(*fields.Member(kTool.Index("name"))));
    if (tool.name.empty()) return name.Invalid("must not be empty");
    if (tool.name.size() > kToolNameBytesMax) {
      return name.Invalid("has " + std::to_string(tool.name.size()) + " bytes, the limit is " +
                          std::to_string(kToolNameBytesMax));
    }
    if (!schema.is_object()) return schema.Mismatch("a JSON Schema object");
    tool.parameters = schema.raw();
    if (fields.Value(kTool.Index("description"))) {
      TIDEGATE_ASSIGN(tool.description, texts_.Keep(*fields.Member(kTool.Index("description"))));
    }
    if (const std::optional<json::Value> strict = fields.Value(kTool.Index("strict"))) {
      TIDEGATE_ASSIGN(tool.strict, strict->Bool());
    }
    if (const std::optional<json::Value> eager =
            fields.Value(kTool.Index("eager_input_streaming"))) {
      TIDEGATE_TRY(eager->Bool());
    }
    if (const std::optional<json::Value> mark = fields.Value(kTool.Index("cache_control"))) {
      TIDEGATE_ASSIGN(tool.cache, DecodeCacheControl(*mark));
    }
    request_.tools.push_back(tool);
    return {};
  }

  Result<void> DecodeToolChoice(const RootFields& fields) {
    const std::optional<json::Value> choice = fields.Value(kRoot.Index("tool_choice"));
    if (!choice) return {};
    TIDEGATE_ASSIGN(const auto members, ReadFields(kChoice, *choice));
    TIDEGATE_ASSIGN(const json::Value type, members.Required(kChoice.Index("type")));
    TIDEGATE_ASSIGN(const std::string_view word, type.String());
    texts_.NeedVendorIfUnknown(members);
    if (word == "auto") {
      request_.tool_choice = core::ToolChoiceKind::kAuto;
    } else if (word == "none") {
      request_.tool_choice = core::ToolChoiceKind::kNone;
    } else if (word == "any") {
      request_.tool_choice = core::ToolChoiceKind::kRequired;
      texts_.Need(Capability::kToolChoice);
      if (!request_.needs.Has(Capability::kTools)) {
        return type.Invalid("'any' needs `tools` to choose from");
      }
    } else if (word == "tool") {
      TIDEGATE_ASSIGN(const json::Value name, members.Required(kChoice.Index("name")));
      TIDEGATE_ASSIGN(request_.tool_choice_name, texts_.Keep(name));
      request_.tool_choice = core::ToolChoiceKind::kNamed;
      texts_.Need(Capability::kToolChoice);
      // Tools that only the vendor knows are not in the list.
      const bool known =
          request_.needs.Has(Capability::kVendorFields) ||
          std::any_of(request_.tools.begin(), request_.tools.end(),
                      [&](const core::ToolSpec& t) { return t.name == request_.tool_choice_name; });
      if (!known) return name.Invalid("names no tool in `tools`");
    } else {
      return type.Invalid("must be one of 'auto', 'any', 'tool', 'none'");
    }
    if (const std::optional<json::Value> single =
            members.Value(kChoice.Index("disable_parallel_tool_use"))) {
      TIDEGATE_ASSIGN(const bool disable, single->Bool());
      if (disable) {
        request_.parallel_tool_calls = false;
        texts_.Need(Capability::kParallelTools);
      }
    }
    return {};
  }

  Result<void> DecodeThinking(const RootFields& fields) {
    const std::optional<json::Value> thinking = fields.Value(kRoot.Index("thinking"));
    if (!thinking) return {};
    TIDEGATE_ASSIGN(const auto members, ReadFields(kThinking, *thinking));
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
    if (word == "enabled") {
      TIDEGATE_ASSIGN(const json::Value budget, members.Required(kThinking.Index("budget_tokens")));
      TIDEGATE_ASSIGN(request_.reasoning.budget_tokens,
                      budget.IntegerIn(kThinkingBudgetMin, kOutputTokensMax));
    }
    if (const std::optional<json::Value> display = members.Value(kThinking.Index("display"))) {
      TIDEGATE_ASSIGN(const std::string_view shown, display->String());
      request_.reasoning.visible = shown != "omitted";
    }
    return {};
  }

  Result<void> DecodeOutput(const RootFields& fields) {
    if (const std::optional<json::Value> config = fields.Value(kRoot.Index("output_config"))) {
      TIDEGATE_ASSIGN(const auto members, ReadFields(kOutputConfig, *config));
      texts_.NeedVendorIfUnknown(members);
      if (const std::optional<json::Value> effort = members.Value(kOutputConfig.Index("effort"))) {
        TIDEGATE_ASSIGN(request_.reasoning.effort, texts_.Keep(*effort));
        constexpr std::array<std::string_view, 5> kEfforts = {"low", "medium", "high", "xhigh",
                                                              "max"};
        if (std::find(kEfforts.begin(), kEfforts.end(), request_.reasoning.effort) ==
            kEfforts.end()) {
          return effort->Invalid("must be one of 'low', 'medium', 'high', 'xhigh', 'max'");
        }
        texts_.Need(Capability::kReasoning);
      }
      if (const std::optional<json::Value> format = members.Value(kOutputConfig.Index("format"))) {
        TIDEGATE_TRY(DecodeFormat(*format));
      }
    }
    const std::optional<json::Value> format = fields.Value(kRoot.Index("output_format"));
    return format ? DecodeFormat(*format) : Result<void>();
  }

  Result<void> DecodeFormat(const json::Value& format) {
    TIDEGATE_ASSIGN(const auto members, ReadFields(kFormat, format));
    TIDEGATE_ASSIGN(const json::Value type, members.Required(kFormat.Index("type")));
    TIDEGATE_ASSIGN(const std::string_view word, type.String());
    texts_.NeedVendorIfUnknown(members);
    if (word != "json_schema") return type.Invalid("must be 'json_schema'");
    TIDEGATE_ASSIGN(const json::Value schema, members.Required(kFormat.Index("schema")));
    if (!schema.is_object()) return schema.Mismatch("a JSON Schema object");
    request_.response_format = core::ResponseFormat::kJsonSchema;
    request_.json_schema.schema = schema.raw();
    request_.json_schema.strict = true;  // the API knows no other kind
    texts_.Need(Capability::kJsonSchema);
    texts_.Count(schema.raw().size());
    return {};
  }

  // Fields that a target may ignore without changing the answer.
  Result<void> DecodeHints(const RootFields& fields) {
    if (const std::optional<json::Value> tier = fields.Value(kRoot.Index("service_tier"))) {
      TIDEGATE_TRY(tier->String());
    }
    if (const std::optional<json::Value> mark = fields.Value(kRoot.Index("cache_control"))) {
      TIDEGATE_TRY(DecodeCacheControl(*mark));
    }
    const std::optional<json::Value> metadata = fields.Value(kRoot.Index("metadata"));
    if (!metadata) return {};
    TIDEGATE_ASSIGN(const auto members, ReadFields(kMetadata, *metadata));
    texts_.NeedVendorIfUnknown(members);
    if (members.Value(kMetadata.Index("user_id"))) {
      TIDEGATE_ASSIGN(request_.user, texts_.Keep(*members.Member(kMetadata.Index("user_id"))));
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

  const ClientHead& head_;
  json::Value root_;
  const ConstraintParser& parser_;
  core::Request request_;
  RequestTexts texts_{request_};
  BlockDecoder blocks_{request_, texts_};
};

}  // namespace

Result<core::Request> DecodeMessagesRequest(const ClientHead& head, bool count,
                                            std::string_view body,
                                            const ConstraintParser& constraints) {
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
  return RequestDecoder(head, body, root, constraints).Decode(count);
}

}  // namespace tidegate::protocols::anthropic_messages
