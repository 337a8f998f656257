#include "protocols/bedrock_converse/tool_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/bedrock_converse/block_decoder.h"
#include "protocols/bedrock_converse/cache_point.h"
#include "protocols/bedrock_converse/limits.h"
#include "protocols/fields.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

using core::Capability;

constexpr FieldNames kConfig{std::to_array<std::string_view>({"tools", "toolChoice"})};
constexpr FieldNames kSpec{
    std::to_array<std::string_view>({"name", "description", "inputSchema", "strict"})};
constexpr FieldNames kNamed{std::to_array<std::string_view>({"name"})};

Result<void> DecodeSpec(const json::Value& value, RequestTexts& texts, core::ToolSpec& tool) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kSpec, value));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kSpec.Index("name")));
  TIDEGATE_ASSIGN(const json::Value schema, fields.Required(kSpec.Index("inputSchema")));
  texts.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(tool.name, texts.Keep(*fields.Member(kSpec.Index("name"))));
  if (tool.name.empty()) return name.Invalid("must not be empty");
  if (tool.name.size() > kToolNameBytesMax) {
    return name.Invalid("has " + std::to_string(tool.name.size()) + " bytes, the limit is " +
                        std::to_string(kToolNameBytesMax));
  }
  TIDEGATE_ASSIGN(const json::Member json, ReadUnion(schema));
  if (json.key != "json") return json.value.Invalid("is not known: use inputSchema.json");
  if (!json.value.is_object()) return json.value.Mismatch("a JSON Schema object");
  tool.parameters = json.value.raw();
  if (fields.Value(kSpec.Index("description"))) {
    TIDEGATE_ASSIGN(tool.description, texts.Keep(*fields.Member(kSpec.Index("description"))));
  }
  if (const std::optional<json::Value> strict = fields.Value(kSpec.Index("strict"))) {
    TIDEGATE_ASSIGN(tool.strict, strict->Bool());
  }
  return {};
}

Result<void> DecodeTool(const json::Value& value, RequestTexts& texts, core::Request& request) {
  TIDEGATE_ASSIGN(const json::Member member, ReadUnion(value));
  if (member.key == "cachePoint") {  // marks the tools before it
    TIDEGATE_ASSIGN(const core::CacheMark mark, DecodeCachePoint(member.value));
    if (!request.tools.empty()) request.tools.back().cache = mark;
    return {};
  }
  texts.Count(value.raw().size());
  texts.Need(Capability::kTools);
  if (member.key != "toolSpec") {  // a tool that Bedrock has and runs, and what comes next
    texts.NeedVendor(member.value.Path());
    return {};
  }
  core::ToolSpec tool;
  TIDEGATE_TRY(DecodeSpec(member.value, texts, tool));
  request.tools.push_back(tool);
  return {};
}

Result<void> DecodeChoice(const json::Value& choice, RequestTexts& texts, core::Request& request) {
  TIDEGATE_ASSIGN(const json::Member member, ReadUnion(choice));
  if (member.key == "auto") {
    request.tool_choice = core::ToolChoiceKind::kAuto;
    return {};
  }
  texts.Need(Capability::kToolChoice);
  if (member.key == "any") {
    request.tool_choice = core::ToolChoiceKind::kRequired;
    return {};
  }
  if (member.key != "tool") {
    return member.value.Invalid("is not known: use one of auto, any, tool");
  }
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kNamed, member.value));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kNamed.Index("name")));
  texts.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(request.tool_choice_name, texts.Keep(*fields.Member(kNamed.Index("name"))));
  request.tool_choice = core::ToolChoiceKind::kNamed;
  // Tools that only Bedrock knows are not in the list.
  const bool known =
      request.needs.Has(Capability::kVendorFields) ||
      std::any_of(request.tools.begin(), request.tools.end(),
                  [&](const core::ToolSpec& t) { return t.name == request.tool_choice_name; });
  return known ? Result<void>() : name.Invalid("names no tool in `toolConfig.tools`");
}

}  // namespace

Result<void> DecodeToolConfig(const json::Value& config, RequestTexts& texts,
                              core::Request& request) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kConfig, config));
  TIDEGATE_ASSIGN(const json::Value tools, fields.Required(kConfig.Index("tools")));
  texts.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(const json::Array array, tools.Array());
  std::size_t count = 0;
  for (const json::Value value : array) {
    if (++count > kToolsMax) {
      return tools.Invalid("has more than " + std::to_string(kToolsMax) + " tools");
    }
    TIDEGATE_TRY(DecodeTool(value, texts, request));
  }
  const std::optional<json::Value> choice = fields.Value(kConfig.Index("toolChoice"));
  return choice ? DecodeChoice(*choice, texts, request) : Result<void>();
}

}  // namespace tidegate::protocols::bedrock_converse
