#include "protocols/bedrock_converse/request_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json/splice.h"
#include "protocols/bedrock_converse/block_decoder.h"
#include "protocols/bedrock_converse/limits.h"
#include "protocols/bedrock_converse/model_fields_decoder.h"
#include "protocols/bedrock_converse/tool_decoder.h"
#include "protocols/extension_decoder.h"
#include "protocols/fields.h"
#include "protocols/opaque.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/service_tier.h"
#include "protocols/spans.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

using core::Capability;

constexpr FieldNames kRoot{std::to_array<std::string_view>(
    {"messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig",
     "additionalModelRequestFields", "promptVariables", "additionalModelResponseFieldPaths",
     "requestMetadata", "performanceConfig", "serviceTier", "outputConfig", "tidegate"})};
using RootFields = Fields<kRoot.names.size()>;

constexpr FieldNames kCount{std::to_array<std::string_view>({"input", "tidegate"})};
constexpr FieldNames kMessage{std::to_array<std::string_view>({"role", "content"})};
constexpr FieldNames kInference{
    std::to_array<std::string_view>({"maxTokens", "temperature", "topP", "stopSequences"})};
constexpr FieldNames kOutput{std::to_array<std::string_view>({"textFormat", "effort"})};
constexpr FieldNames kFormat{std::to_array<std::string_view>({"type", "structure"})};
constexpr FieldNames kSchema{std::to_array<std::string_view>({"schema", "name", "description"})};

class RequestDecoder {
 public:
  RequestDecoder(const Route& route, std::string_view body, const json::Value& root,
                 const ConstraintParser& parser)
      : route_(route), root_(root), parser_(parser) {
    request_.protocol = core::Protocol::kBedrockConverse;
    request_.body = body;
  }

  Result<core::Request> Decode() {
    TIDEGATE_ASSIGN(const RootFields fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kRoot, fields));
    TIDEGATE_TRY(TakePath());
    TIDEGATE_TRY(DecodeSystem(fields));
    TIDEGATE_TRY(DecodeMessages(fields));
    TIDEGATE_TRY(DecodeInference(fields));
    if (const std::optional<json::Value> tools = fields.Value(kRoot.Index("toolConfig"))) {
      TIDEGATE_TRY(DecodeToolConfig(*tools, texts_, request_));
    }
    if (const auto extra = fields.Value(kRoot.Index("additionalModelRequestFields"))) {
      TIDEGATE_TRY(DecodeModelFields(*extra, texts_, request_));
    }
    TIDEGATE_TRY(DecodeOutput(fields));
    TIDEGATE_TRY(DecodeVendor(fields));
    TIDEGATE_TRY(DecodeHints(fields));
    TIDEGATE_TRY(DecodeExtension(fields));
    return std::move(request_);
  }

 private:
  Result<void> TakePath() {
    if (route_.model.size() > kModelNameBytesMax) {
      return InvalidArgument("modelId", "has " + std::to_string(route_.model.size()) +
                                            " bytes, the limit is " +
                                            std::to_string(kModelNameBytesMax));
    }
    request_.model = route_.model;
    request_.stream = request_.stream_usage = route_.stream.value_or(false);
    request_.spans.object_begin = root_.span().begin + 1;
    return {};
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

  Result<void> DecodeInference(const RootFields& root) {
    const auto& member = root.Member(kRoot.Index("inferenceConfig"));
    if (!member) return {};
    request_.spans.limit_parent = ToCore(member->value.span());
    if (member->value.is_null()) return {};
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kInference, member->value));
    texts_.NeedVendorIfUnknown(fields);
    if (const auto& limit = fields.Member(kInference.Index("maxTokens"))) {
      request_.spans.max_tokens = ToCore(limit->value.span());
      if (!limit->value.is_null()) {
        TIDEGATE_ASSIGN(request_.max_output_tokens, limit->value.IntegerIn(1, kOutputTokensMax));
      }
    }
    TIDEGATE_TRY(ReadShare(fields.Value(kInference.Index("temperature")), request_.temperature));
    TIDEGATE_TRY(ReadShare(fields.Value(kInference.Index("topP")), request_.top_p));
    const std::optional<json::Value> stop = fields.Value(kInference.Index("stopSequences"));
    return stop ? DecodeStop(*stop) : Result<void>();
  }

  Result<void> ReadShare(const std::optional<json::Value>& value, std::optional<double>& out) {
    if (!value) return {};
    TIDEGATE_ASSIGN(const double number, value->Number());
    if (!(number >= 0 && number <= 1)) return value->Invalid("must be a number from 0 to 1");
    out = number;
    if (number != 1) texts_.Need(Capability::kTemperature);
    return {};
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
    if (!request_.stop.empty()) texts_.Need(Capability::kStop);
    return {};
  }

  Result<void> DecodeOutput(const RootFields& root) {
    const std::optional<json::Value> config = root.Value(kRoot.Index("outputConfig"));
    if (!config) return {};
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kOutput, *config));
    texts_.NeedVendorIfUnknown(fields);
    if (const std::optional<json::Value> effort = fields.Value(kOutput.Index("effort"))) {
      TIDEGATE_ASSIGN(request_.reasoning.effort, texts_.Keep(*effort));
      constexpr std::array<std::string_view, 5> kEfforts = {"low", "medium", "high", "xhigh",
                                                            "max"};
      if (std::find(kEfforts.begin(), kEfforts.end(), request_.reasoning.effort) ==
          kEfforts.end()) {
        return effort->Invalid("must be one of 'low', 'medium', 'high', 'xhigh', 'max'");
      }
      texts_.Need(Capability::kReasoning);
    }
    const std::optional<json::Value> format = fields.Value(kOutput.Index("textFormat"));
    return format ? DecodeFormat(*format) : Result<void>();
  }

  Result<void> DecodeFormat(const json::Value& format) {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kFormat, format));
    TIDEGATE_ASSIGN(const json::Value type, fields.Required(kFormat.Index("type")));
    TIDEGATE_ASSIGN(const json::Value structure, fields.Required(kFormat.Index("structure")));
    TIDEGATE_ASSIGN(const std::string_view word, type.String());
    texts_.NeedVendorIfUnknown(fields);
    if (word != "json_schema") return type.Invalid("must be 'json_schema'");
    TIDEGATE_ASSIGN(const json::Member member, ReadUnion(structure));
    if (member.key != "jsonSchema") return member.value.Invalid("is not known: use jsonSchema");
    return DecodeSchema(member.value);
  }

  // The schema is JSON in a string.
  Result<void> DecodeSchema(const json::Value& value) {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kSchema, value));
    TIDEGATE_TRY(fields.Required(kSchema.Index("schema")));
    texts_.NeedVendorIfUnknown(fields);
    core::JsonSchema& schema = request_.json_schema;
    const json::Member member = *fields.Member(kSchema.Index("schema"));
    TIDEGATE_ASSIGN(schema.schema, texts_.KeepCounted(member));
    json::Reader reader;  // the thread's own one holds the request
    const Result<json::Value> parsed = reader.ParseCopy(schema.schema, kRequestBytesMax);
    if (!parsed.ok() || !parsed->is_object()) {
      return member.value.Invalid("must be the text of a JSON Schema object");
    }
    if (fields.Value(kSchema.Index("name"))) {
      TIDEGATE_ASSIGN(schema.name, texts_.Keep(*fields.Member(kSchema.Index("name"))));
    }
    if (fields.Value(kSchema.Index("description"))) {
      TIDEGATE_ASSIGN(schema.description,
                      texts_.KeepCounted(*fields.Member(kSchema.Index("description"))));
    }
    schema.strict = true;  // the API knows no other kind
    request_.response_format = core::ResponseFormat::kJsonSchema;
    texts_.Need(Capability::kJsonSchema);
    return {};
  }

  // What only Bedrock can do.
  Result<void> DecodeVendor(const RootFields& fields) {
    for (const std::size_t index :
         {kRoot.Index("guardrailConfig"), kRoot.Index("promptVariables")}) {
      const std::optional<json::Value> value = fields.Value(index);
      if (!value) continue;
      TIDEGATE_TRY(value->Object());
      texts_.NeedVendor(value->Path());
      texts_.Count(value->raw().size());
    }
    const std::optional<json::Value> paths =
        fields.Value(kRoot.Index("additionalModelResponseFieldPaths"));
    if (!paths) return {};
    TIDEGATE_ASSIGN(const json::Array array, paths->Array());
    if (!array.empty()) texts_.NeedVendor(paths->Path());
    return {};
  }

  // Fields that a target may ignore without changing the answer.
  Result<void> DecodeHints(const RootFields& fields) {
    for (const std::size_t index : {kRoot.Index("requestMetadata"),
                                    kRoot.Index("performanceConfig"), kRoot.Index("serviceTier")}) {
      if (const std::optional<json::Value> value = fields.Value(index)) {
        TIDEGATE_TRY(value->Object());
      }
    }
    const std::optional<json::Value> tier = fields.Value(kRoot.Index("serviceTier"));
    const std::optional<json::Value> type = tier ? tier->Object()->Find("type") : std::nullopt;
    if (type && type->is_string()) ApplyServiceTier(*type->String(), request_.constraints);
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

  const Route& route_;
  json::Value root_;
  const ConstraintParser& parser_;
  core::Request request_;
  RequestTexts texts_{request_};
  BlockDecoder blocks_{request_, texts_};
};

// A request to count the tokens of the request in it. The gate's own object stands beside that.
Result<core::Request> DecodeNested(const Route& route, std::string_view body,
                                   const json::Value& root, const ConstraintParser& constraints) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCount, root));
  if (fields.has_unknown()) return InvalidArgument(fields.UnknownPath(), "is not known");
  TIDEGATE_ASSIGN(const json::Value input, fields.Required(kCount.Index("input")));
  TIDEGATE_ASSIGN(const json::Member kind, ReadUnion(input));
  if (kind.key == "invokeModel") {
    return kind.value.Invalid("is a model's own body, which is not read here: use converse");
  }
  if (kind.key != "converse") return kind.value.Invalid("is not known: use converse");
  RequestDecoder decoder(route, body, kind.value, constraints);
  TIDEGATE_ASSIGN(core::Request request, decoder.Decode());
  const auto& tidegate = fields.Member(kCount.Index("tidegate"));
  if (!tidegate) return request;
  if (!request.spans.tidegate_member.empty()) {
    return tidegate->value.Invalid("stands in converse too: give it once");
  }
  if (!tidegate->value.is_null()) {
    TIDEGATE_TRY(DecodeExtension(tidegate->value, constraints, request.constraints));
  }
  constexpr std::array<std::string_view, 1> kOurs = {"tidegate"};
  request.spans.tidegate_member = ToCore(json::RemovalSpans(*root.Object(), kOurs)[0]);
  return request;
}

}  // namespace

Result<core::Request> DecodeConverseRequest(const Route& route, std::string_view body,
                                            const ConstraintParser& constraints) {
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
  if (route.operation == Operation::kCountTokens) {
    return DecodeNested(route, body, root, constraints);
  }
  return RequestDecoder(route, body, root, constraints).Decode();
}

}  // namespace tidegate::protocols::bedrock_converse
