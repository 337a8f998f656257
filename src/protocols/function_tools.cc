#include "protocols/function_tools.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "protocols/cache_control.h"
#include "protocols/fields.h"
#include "protocols/limits.h"

namespace tidegate::protocols {
namespace {

constexpr FieldNames kTool{std::to_array<std::string_view>({"type", "function", "cache_control"})};
constexpr FieldNames kFunction{
    std::to_array<std::string_view>({"name", "description", "parameters", "strict"})};

constexpr FieldNames kChoice{std::to_array<std::string_view>({"type", "function"})};
constexpr FieldNames kChosen{std::to_array<std::string_view>({"name"})};

}  // namespace

Result<void> DecodeFunctionToolChoice(const json::Value& choice, RequestTexts& texts,
                                      core::Request& request) {
  if (choice.is_string()) {
    const std::string_view word = *choice.String();
    if (word == "auto") {
      request.tool_choice = core::ToolChoiceKind::kAuto;
    } else if (word == "none") {
      request.tool_choice = core::ToolChoiceKind::kNone;
    } else if (word == "required") {
      request.tool_choice = core::ToolChoiceKind::kRequired;
      texts.Need(core::Capability::kToolChoice);
    } else {
      return choice.Invalid("must be 'auto', 'none', 'required' or an object that names a tool");
    }
    return {};
  }
  if (!choice.is_object()) return choice.Mismatch("a string or an object");
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kChoice, choice));
  TIDEGATE_ASSIGN(const json::Value type, fields.Required(kChoice.Index("type")));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  if (word != "function") return type.Invalid("must be 'function'");
  texts.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(const json::Value function, fields.Required(kChoice.Index("function")));
  TIDEGATE_ASSIGN(const auto chosen, ReadFields(kChosen, function));
  TIDEGATE_ASSIGN(const json::Value name, chosen.Required(kChosen.Index("name")));
  TIDEGATE_ASSIGN(request.tool_choice_name, texts.Keep(name));
  request.tool_choice = core::ToolChoiceKind::kNamed;
  texts.Need(core::Capability::kToolChoice);
  const bool known = std::any_of(
      request.tools.begin(), request.tools.end(),
      [&](const core::ToolSpec& tool) { return tool.name == request.tool_choice_name; });
  if (!known) return name.Invalid("names no function in `tools`");
  return {};
}

Result<void> CheckToolName(const json::Value& value, std::string_view name) {
  if (name.empty()) return value.Invalid("must not be empty");
  if (name.size() > kToolNameBytesMax) {
    return value.Invalid("has " + std::to_string(name.size()) + " bytes, the limit is " +
                         std::to_string(kToolNameBytesMax));
  }
  return {};
}

Result<core::ToolSpec> DecodeFunctionTool(const json::Value& value, RequestTexts& texts) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kFunction, value));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kFunction.Index("name")));
  texts.NeedVendorIfUnknown(fields);
  core::ToolSpec tool;
  TIDEGATE_ASSIGN(tool.name, texts.Keep(*fields.Member(kFunction.Index("name"))));
  TIDEGATE_TRY(CheckToolName(name, tool.name));
  if (fields.Value(kFunction.Index("description"))) {
    TIDEGATE_ASSIGN(tool.description, texts.Keep(*fields.Member(kFunction.Index("description"))));
  }
  if (const std::optional<json::Value> parameters = fields.Value(kFunction.Index("parameters"))) {
    if (!parameters->is_object()) return parameters->Mismatch("a JSON Schema object");
    tool.parameters = parameters->raw();
  }
  if (const std::optional<json::Value> strict = fields.Value(kFunction.Index("strict"))) {
    TIDEGATE_ASSIGN(tool.strict, strict->Bool());
  }
  return tool;
}

Result<void> DecodeFunctionTools(const json::Value& tools, RequestTexts& texts,
                                 core::Request& request) {
  TIDEGATE_ASSIGN(const json::Array array, tools.Array());
  std::size_t count = 0;
  for (const json::Value value : array) {
    if (++count > kToolsMax)
      return tools.Invalid("has more than " + std::to_string(kToolsMax) + " tools");
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kTool, value));
    TIDEGATE_ASSIGN(const json::Value type, fields.Required(kTool.Index("type")));
    TIDEGATE_ASSIGN(const std::string_view word, type.String());
    texts.Count(value.raw().size());
    texts.Need(core::Capability::kTools);
    if (word != "function") {  // "custom", and the tools that only one vendor runs: for the same
                               // protocol only
      if (word.empty()) return type.Invalid("must not be empty");
      texts.NeedVendor(type.Path());
      continue;
    }
    TIDEGATE_ASSIGN(const json::Value function, fields.Required(kTool.Index("function")));
    texts.NeedVendorIfUnknown(fields);
    TIDEGATE_ASSIGN(core::ToolSpec tool, DecodeFunctionTool(function, texts));
    if (const std::optional<json::Value> mark = fields.Value(kTool.Index("cache_control"))) {
      TIDEGATE_ASSIGN(tool.cache, DecodeCacheControl(*mark));
      request.has_optional_fields = true;
    }
    request.tools.push_back(tool);
  }
  return {};
}

}  // namespace tidegate::protocols
