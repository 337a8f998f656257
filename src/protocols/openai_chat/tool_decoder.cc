#include "protocols/openai_chat/tool_decoder.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/fields.h"
#include "protocols/function_tools.h"
#include "protocols/openai_chat/limits.h"

namespace tidegate::protocols::openai_chat {
namespace {

using core::Capability;

constexpr FieldNames kChoice{std::to_array<std::string_view>({"type"})};
constexpr FieldNames kFormat{std::to_array<std::string_view>({"type", "json_schema"})};
constexpr FieldNames kSchema{
    std::to_array<std::string_view>({"name", "description", "schema", "strict"})};

}  // namespace

Result<void> DecodeToolChoice(const json::Value& choice, RequestTexts& texts,
                              core::Request& request) {
  if (choice.is_object()) {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kChoice, choice));
    TIDEGATE_ASSIGN(const json::Value type, fields.Required(kChoice.Index("type")));
    TIDEGATE_ASSIGN(const std::string_view word, type.String());
    if (word == "custom" || word == "allowed_tools") {
      texts.NeedVendor(type.Path());
      return {};
    }
    if (word != "function") return type.Invalid("must be 'function', 'custom' or 'allowed_tools'");
  }
  return DecodeFunctionToolChoice(choice, texts, request);
}

Result<void> DecodeResponseFormat(const json::Value& format, RequestTexts& texts,
                                  core::Request& request) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kFormat, format));
  TIDEGATE_ASSIGN(const json::Value type, fields.Required(kFormat.Index("type")));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  if (fields.has_unknown()) {  // llama-server takes a schema beside json_object
    texts.NeedVendor(fields.UnknownPath());
    texts.Count(format.raw().size());
  }
  if (word == "text") {
    request.response_format = core::ResponseFormat::kText;
    return {};
  }
  if (word == "json_object") {
    request.response_format = core::ResponseFormat::kJsonObject;
    texts.Need(Capability::kJsonObject);
    return {};
  }
  if (word != "json_schema") return type.Invalid("must be 'text', 'json_object' or 'json_schema'");
  TIDEGATE_ASSIGN(const json::Value schema, fields.Required(kFormat.Index("json_schema")));
  TIDEGATE_ASSIGN(const auto members, ReadFields(kSchema, schema));
  TIDEGATE_ASSIGN(const json::Value name, members.Required(kSchema.Index("name")));
  TIDEGATE_ASSIGN(const std::string_view name_text, name.String());
  TIDEGATE_TRY(CheckToolName(name, name_text));
  request.response_format = core::ResponseFormat::kJsonSchema;
  TIDEGATE_ASSIGN(request.json_schema.name, texts.Keep(*members.Member(kSchema.Index("name"))));
  if (members.Value(kSchema.Index("description"))) {
    TIDEGATE_ASSIGN(request.json_schema.description,
                    texts.Keep(*members.Member(kSchema.Index("description"))));
  }
  if (const std::optional<json::Value> value = members.Value(kSchema.Index("schema"))) {
    if (!value->is_object()) return value->Mismatch("a JSON Schema object");
    request.json_schema.schema = value->raw();
  }
  if (const std::optional<json::Value> strict = members.Value(kSchema.Index("strict"))) {
    TIDEGATE_ASSIGN(request.json_schema.strict, strict->Bool());
  }
  texts.NeedVendorIfUnknown(members);
  texts.Need(Capability::kJsonSchema);
  texts.Count(schema.raw().size());
  return {};
}

Result<void> DecodeFunctions(const json::Value& functions, RequestTexts& texts) {
  TIDEGATE_ASSIGN(const json::Array array, functions.Array());
  std::size_t count = 0;
  for (const json::Value value : array) {
    if (++count > kToolsMax)
      return functions.Invalid("has more than " + std::to_string(kToolsMax) + " functions");
    TIDEGATE_TRY(DecodeFunctionTool(value, texts));
    texts.Count(value.raw().size());
  }
  texts.Need(Capability::kTools);
  texts.NeedVendor(functions.Path());
  return {};
}

}  // namespace tidegate::protocols::openai_chat
