#include "protocols/gemini/tool_decoder.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "protocols/gemini/limits.h"
#include "protocols/gemini/proto_fields.h"
#include "protocols/gemini/schema.h"

namespace tidegate::protocols::gemini {
namespace {

using core::Capability;

constexpr FieldNames kTool{std::to_array<std::string_view>({"functionDeclarations"})};
constexpr FieldNames kFunction{std::to_array<std::string_view>(
    {"name", "description", "parameters", "parametersJsonSchema", "behavior"})};
constexpr FieldNames kConfig{std::to_array<std::string_view>({"functionCallingConfig"})};
constexpr FieldNames kCalling{std::to_array<std::string_view>({"mode", "allowedFunctionNames"})};

Result<void> DecodeFunction(const json::Value& value, core::Request& request, RequestTexts& texts) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kFunction, value));
  texts.NeedVendorIfUnknown(fields);
  texts.Need(Capability::kTools);
  texts.Count(value.raw().size());
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kFunction.Index("name")));
  core::ToolSpec tool;
  TIDEGATE_ASSIGN(tool.name, texts.Keep(*fields.Member(kFunction.Index("name"))));
  if (tool.name.empty()) return name.Invalid("must not be empty");
  if (tool.name.size() > kToolNameBytesMax) {
    return name.Invalid("has " + std::to_string(tool.name.size()) + " bytes, the limit is " +
                        std::to_string(kToolNameBytesMax));
  }
  if (fields.Value(kFunction.Index("description"))) {
    TIDEGATE_ASSIGN(tool.description, texts.Keep(*fields.Member(kFunction.Index("description"))));
  }
  const auto own = fields.Value(kFunction.Index("parameters"));
  const auto plain = fields.Value(kFunction.Index("parametersJsonSchema"));
  if (own && plain) return own->Invalid("cannot stand beside parametersJsonSchema");
  if (own && !own->is_object()) return own->Mismatch("a schema, which is an object");
  if (plain && !plain->is_object()) return plain->Mismatch("a JSON Schema object");
  if (own) tool.parameters = texts.Own(ToJsonSchema(*own));
  if (plain) tool.parameters = plain->raw();
  if (const auto behavior = fields.Value(kFunction.Index("behavior"))) {
    TIDEGATE_ASSIGN(const std::string_view word, behavior->String());
    const bool usual = IsWord(word, "BLOCKING") || IsWord(word, "UNSPECIFIED");
    if (!usual) texts.NeedVendor(behavior->Path());
  }
  request.tools.push_back(tool);
  return {};
}

// The functions that may be called, when they are not all of them.
Result<void> DecodeAllowed(const json::Value& allowed, core::Request& request,
                           RequestTexts& texts) {
  std::unordered_set<std::string_view> known, names;
  for (const core::ToolSpec& tool : request.tools) known.insert(tool.name);
  TIDEGATE_ASSIGN(const json::Array array, allowed.Array());
  for (const json::Value element : array) {
    TIDEGATE_ASSIGN(const std::string_view name, texts.Keep(element));
    if (!known.contains(name)) return element.Invalid("names no function in `tools`");
    names.insert(name);
  }
  if (names.empty() || names.size() == known.size()) return {};
  if (names.size() > 1) {  // a choice of some; other protocols know one or all
    texts.NeedVendor(allowed.Path());
    return {};
  }
  request.tool_choice = core::ToolChoiceKind::kNamed;
  request.tool_choice_name = *names.begin();
  return {};
}

Result<void> DecodeCalling(const json::Value& calling, core::Request& request,
                           RequestTexts& texts) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kCalling, calling));
  texts.NeedVendorIfUnknown(fields);
  const auto mode = fields.Value(kCalling.Index("mode"));
  const auto allowed = fields.Value(kCalling.Index("allowedFunctionNames"));
  std::string_view word;
  if (mode) {
    TIDEGATE_ASSIGN(word, mode->String());
  }
  if (IsWord(word, "ANY")) {
    if (request.tools.empty()) return mode->Invalid("'ANY' needs functions in `tools`");
    request.tool_choice = core::ToolChoiceKind::kRequired;
    texts.Need(Capability::kToolChoice);
    return allowed ? DecodeAllowed(*allowed, request, texts) : Result<void>();
  }
  if (IsWord(word, "NONE")) {
    request.tool_choice = core::ToolChoiceKind::kNone;
  } else if (IsWord(word, "AUTO")) {
    request.tool_choice = core::ToolChoiceKind::kAuto;
  } else if (IsWord(word, "VALIDATED")) {  // a promise about arguments that only Google makes
    texts.NeedVendor(mode->Path());
  } else if (mode && !IsWord(word, "MODE_UNSPECIFIED")) {
    return mode->Invalid("must be one of 'AUTO', 'ANY', 'NONE', 'VALIDATED'");
  }
  if (allowed && !(allowed->is_array() && allowed->Array()->empty())) {
    texts.NeedVendor(allowed->Path());
  }
  return {};
}

}  // namespace

Result<void> DecodeTools(const json::Value& tools, core::Request& request, RequestTexts& texts) {
  std::size_t count = 0;
  return ForEachOf(tools, [&](const json::Value& value) -> Result<void> {
    TIDEGATE_ASSIGN(const auto fields, ReadProto(kTool, value));
    if (fields.has_unknown()) {
      TIDEGATE_TRY(fields.object().RequireUniqueKeys());
      texts.NeedVendor(fields.UnknownPath());
      texts.Count(value.raw().size());
    }
    if (++count > kToolsMax) return tools.Invalid("has too many tools");
    const auto functions = fields.Value(kTool.Index("functionDeclarations"));
    if (!functions) return {};
    return ForEachOf(*functions, [&](const json::Value& function) -> Result<void> {
      if (request.tools.size() == kToolsMax) {
        return functions->Invalid("more than " + std::to_string(kToolsMax) + " functions");
      }
      return DecodeFunction(function, request, texts);
    });
  });
}

Result<void> DecodeToolConfig(const json::Value& config, core::Request& request,
                              RequestTexts& texts) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kConfig, config));
  texts.NeedVendorIfUnknown(fields);
  const auto calling = fields.Value(kConfig.Index("functionCallingConfig"));
  return calling ? DecodeCalling(*calling, request, texts) : Result<void>();
}

}  // namespace tidegate::protocols::gemini
