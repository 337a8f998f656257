#include "protocols/openai_responses/tool_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "protocols/fields.h"
#include "protocols/openai_responses/custom_tool.h"
#include "protocols/openai_responses/limits.h"

namespace tidegate::protocols::openai_responses {
namespace {

using core::Capability;

// What is not read changes nothing about the call: when a tool is loaded, who may call it from
// where, and what its result looks like.
constexpr FieldNames kFunction{
    std::to_array<std::string_view>({"type", "name", "description", "parameters", "strict",
                                     "output_schema", "defer_loading", "allowed_callers"})};
constexpr FieldNames kCustom{std::to_array<std::string_view>(
    {"type", "name", "description", "format", "defer_loading", "allowed_callers"})};
constexpr FieldNames kCustomFormat{
    std::to_array<std::string_view>({"type", "syntax", "definition"})};
constexpr FieldNames kGroup{
    std::to_array<std::string_view>({"type", "name", "description", "tools"})};
constexpr FieldNames kChosen{std::to_array<std::string_view>({"type", "name", "namespace"})};
constexpr FieldNames kAllowed{std::to_array<std::string_view>({"type", "mode", "tools"})};
constexpr FieldNames kText{std::to_array<std::string_view>({"format", "verbosity"})};
constexpr FieldNames kFormat{
    std::to_array<std::string_view>({"type", "name", "description", "schema", "strict"})};

Result<void> CheckName(const json::Value& value, std::string_view name) {
  if (name.empty()) return value.Invalid("must not be empty");
  if (name.size() > kToolNameBytesMax) {
    return value.Invalid("has " + std::to_string(name.size()) + " bytes, the limit is " +
                         std::to_string(kToolNameBytesMax));
  }
  return {};
}

template <std::size_t N>
Result<void> ReadDescription(const FieldNames<N>& names, const Fields<N>& fields,
                             RequestTexts& texts, std::string_view& out) {
  if (!fields.Value(names.Find("description"))) return {};
  TIDEGATE_ASSIGN(out, texts.Keep(*fields.Member(names.Find("description"))));
  return {};
}

}  // namespace

Result<void> ToolDecoder::DecodeTools(const json::Value& tools) {
  TIDEGATE_ASSIGN(const json::Array array, tools.Array());
  for (const json::Value value : array) {
    texts_.Count(value.raw().size());
    TIDEGATE_TRY(DecodeTool(value, {}, {}));
  }
  return {};
}

// `group`: the group it stands in, whose tools are functions and custom tools only.
Result<void> ToolDecoder::DecodeTool(const json::Value& value, std::string_view group,
                                     std::string_view group_description) {
  if (++count_ > kToolsMax) {
    return value.Invalid("is one of more than " + std::to_string(kToolsMax) + " tools");
  }
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  TIDEGATE_ASSIGN(const json::Value type, object.Get("type"));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  if (word == "function" || word == "custom") {
    core::ToolSpec tool;
    if (word == "function") {
      TIDEGATE_TRY(DecodeFunction(value, tool));
    } else {
      TIDEGATE_TRY(DecodeCustom(value, tool));
    }
    return TakeTool(value, tool, group, group_description);
  }
  if (!group.empty()) return type.Invalid("must be 'function' or 'custom' in a namespace");
  if (word == "namespace") return DecodeGroup(value);
  if (word.empty()) return type.Invalid("must not be empty");
  TIDEGATE_TRY(object.RequireUniqueKeys());
  if (request_.offers.empty()) first_offer_ = type.Path();
  const std::string_view kept = texts_.Own(word);
  if (std::find(request_.offers.begin(), request_.offers.end(), kept) == request_.offers.end()) {
    request_.offers.push_back(kept);
  }
  return {};
}

Result<void> ToolDecoder::DecodeFunction(const json::Value& value, core::ToolSpec& tool) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kFunction, value));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kFunction.Index("name")));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(tool.name, texts_.Keep(*fields.Member(kFunction.Index("name"))));
  TIDEGATE_TRY(CheckName(name, tool.name));
  TIDEGATE_TRY(ReadDescription(kFunction, fields, texts_, tool.description));
  if (const std::optional<json::Value> parameters = fields.Value(kFunction.Index("parameters"))) {
    if (!parameters->is_object()) return parameters->Mismatch("a JSON Schema object");
    tool.parameters = parameters->raw();
  }
  if (const std::optional<json::Value> strict = fields.Value(kFunction.Index("strict"))) {
    TIDEGATE_ASSIGN(tool.strict, strict->Bool());
  }
  return {};
}

Result<void> ToolDecoder::DecodeCustom(const json::Value& value, core::ToolSpec& tool) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCustom, value));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kCustom.Index("name")));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(tool.name, texts_.Keep(*fields.Member(kCustom.Index("name"))));
  TIDEGATE_TRY(CheckName(name, tool.name));
  TIDEGATE_TRY(ReadDescription(kCustom, fields, texts_, tool.description));
  tool.text_input = true;
  tool.parameters = kTextInputSchema;
  const std::optional<json::Value> format = fields.Value(kCustom.Index("format"));
  if (!format) return {};
  TIDEGATE_ASSIGN(const auto members, ReadFields(kCustomFormat, *format));
  TIDEGATE_ASSIGN(const json::Value type, members.Required(kCustomFormat.Index("type")));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  texts_.NeedVendorIfUnknown(members);
  if (word == "text") return {};
  if (word != "grammar") return type.Invalid("must be 'text' or 'grammar'");
  TIDEGATE_ASSIGN(const json::Value syntax, members.Required(kCustomFormat.Index("syntax")));
  TIDEGATE_ASSIGN(const json::Value definition,
                  members.Required(kCustomFormat.Index("definition")));
  TIDEGATE_ASSIGN(const std::string_view language, syntax.String());
  TIDEGATE_ASSIGN(const std::string_view grammar, definition.String());
  std::string description(tool.description);
  if (!description.empty()) description += "\n\n";
  description += "The input must follow this grammar (";
  description += language;
  description += "):\n";
  description += grammar;
  tool.description = texts_.Own(description);
  return {};
}

Result<void> ToolDecoder::DecodeGroup(const json::Value& value) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kGroup, value));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kGroup.Index("name")));
  TIDEGATE_ASSIGN(const json::Value tools, fields.Required(kGroup.Index("tools")));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(const std::string_view group, texts_.Keep(name));
  TIDEGATE_TRY(CheckName(name, group));
  std::string_view description;
  TIDEGATE_TRY(ReadDescription(kGroup, fields, texts_, description));
  TIDEGATE_ASSIGN(const json::Array array, tools.Array());
  for (const json::Value tool : array) TIDEGATE_TRY(DecodeTool(tool, group, description));
  return {};
}

Result<void> ToolDecoder::TakeTool(const json::Value& value, core::ToolSpec tool,
                                   std::string_view group, std::string_view group_description) {
  if (!group.empty()) {
    tool.group = group;
    tool.name = texts_.Own(JoinedName(group, tool.name));
    if (!group_description.empty()) {
      std::string description(group_description);
      if (!tool.description.empty()) description += "\n\n";
      description += tool.description;
      tool.description = texts_.Own(description);
    }
  }
  if (!names_.insert(tool.name).second) {
    return InvalidArgument(value.Object()->PathOf("name"),
                           "names another tool too: '" + std::string(tool.name) + "'");
  }
  texts_.Need(Capability::kTools);
  request_.tools.push_back(tool);
  return {};
}

Result<void> ToolDecoder::DecodeToolChoice(const json::Value& choice) {
  using core::ToolChoiceKind;
  if (choice.is_string()) {
    const std::string_view word = *choice.String();
    if (word == "auto") {
      request_.tool_choice = ToolChoiceKind::kAuto;
    } else if (word == "none") {
      request_.tool_choice = ToolChoiceKind::kNone;
    } else if (word == "required") {
      if (request_.tools.empty() && request_.offers.empty()) {
        return choice.Invalid("'required' needs `tools` to choose from");
      }
      request_.tool_choice = ToolChoiceKind::kRequired;
      texts_.Need(Capability::kToolChoice);
    } else {
      return choice.Invalid("must be 'auto', 'none', 'required' or an object that names a tool");
    }
    return {};
  }
  if (!choice.is_object()) return choice.Mismatch("a string or an object");
  TIDEGATE_ASSIGN(const json::Value type, choice.Object()->Get("type"));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  if (word == "allowed_tools") return DecodeAllowed(choice);
  if (word != "function" && word != "custom") {  // a tool of the vendor's, which must be called
    TIDEGATE_TRY(choice.Object()->RequireUniqueKeys());
    texts_.NeedVendor(type.Path());
    return {};
  }
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kChosen, choice));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kChosen.Index("name")));
  TIDEGATE_ASSIGN(const std::string_view own_name, name.String());
  std::string_view group;
  if (const std::optional<json::Value> value = fields.Value(kChosen.Index("namespace"))) {
    TIDEGATE_ASSIGN(group, value->String());
  }
  texts_.NeedVendorIfUnknown(fields);
  request_.tool_choice_name = texts_.Own(JoinedName(group, own_name));
  request_.tool_choice = ToolChoiceKind::kNamed;
  texts_.Need(Capability::kToolChoice);
  if (!names_.contains(request_.tool_choice_name)) return name.Invalid("names no tool in `tools`");
  return {};
}

// Other protocols have no list of what may be called; they get those tools and no others.
Result<void> ToolDecoder::DecodeAllowed(const json::Value& choice) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kAllowed, choice));
  TIDEGATE_ASSIGN(const json::Value mode, fields.Required(kAllowed.Index("mode")));
  TIDEGATE_ASSIGN(const json::Value tools, fields.Required(kAllowed.Index("tools")));
  TIDEGATE_ASSIGN(const std::string_view word, mode.String());
  texts_.NeedVendorIfUnknown(fields);
  if (word != "auto" && word != "required") return mode.Invalid("must be 'auto' or 'required'");
  TIDEGATE_ASSIGN(const json::Array array, tools.Array());
  std::unordered_set<std::string_view> allowed;
  for (const json::Value value : array) {
    TIDEGATE_ASSIGN(const json::Object object, value.Object());
    const std::optional<json::Value> name = object.Find("name");
    if (!name || name->is_null()) continue;  // a tool of the vendor's, which is an offer anyway
    TIDEGATE_ASSIGN(const std::string_view text, name->String());
    const auto found = names_.find(text);
    if (found == names_.end()) return name->Invalid("names no tool in `tools`");
    allowed.insert(*found);
  }
  std::erase_if(request_.tools,
                [&](const core::ToolSpec& tool) { return !allowed.contains(tool.name); });
  if (request_.tools.empty()) texts_.NeedVendor(tools.Path());
  request_.tool_choice =
      word == "auto" ? core::ToolChoiceKind::kAuto : core::ToolChoiceKind::kRequired;
  if (word == "required") texts_.Need(Capability::kToolChoice);
  return {};
}

void ToolDecoder::Finish() {
  if (request_.offers.empty() || !request_.tools.empty()) return;
  request_.offers.clear();
  texts_.Need(Capability::kTools);
  texts_.NeedVendor(first_offer_);
}

Result<void> DecodeText(const json::Value& text, RequestTexts& texts, core::Request& request) {
  TIDEGATE_ASSIGN(const auto members, ReadFields(kText, text));
  texts.NeedVendorIfUnknown(members);
  // How wordy the answer is, is a wish.
  if (const std::optional<json::Value> verbosity = members.Value(kText.Index("verbosity"))) {
    TIDEGATE_TRY(verbosity->String());
  }
  const std::optional<json::Value> format = members.Value(kText.Index("format"));
  if (!format) return {};
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kFormat, *format));
  TIDEGATE_ASSIGN(const json::Value type, fields.Required(kFormat.Index("type")));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  texts.NeedVendorIfUnknown(fields);
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
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kFormat.Index("name")));
  TIDEGATE_ASSIGN(const json::Value schema, fields.Required(kFormat.Index("schema")));
  if (!schema.is_object()) return schema.Mismatch("a JSON Schema object");
  core::JsonSchema& out = request.json_schema;
  TIDEGATE_ASSIGN(out.name, texts.Keep(*fields.Member(kFormat.Index("name"))));
  TIDEGATE_TRY(CheckName(name, out.name));
  TIDEGATE_TRY(ReadDescription(kFormat, fields, texts, out.description));
  out.schema = schema.raw();
  if (const std::optional<json::Value> strict = fields.Value(kFormat.Index("strict"))) {
    TIDEGATE_ASSIGN(out.strict, strict->Bool());
  }
  request.response_format = core::ResponseFormat::kJsonSchema;
  texts.Need(Capability::kJsonSchema);
  texts.Count(format->raw().size());
  return {};
}

}  // namespace tidegate::protocols::openai_responses
