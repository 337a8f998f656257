#include "protocols/openai_chat/message_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "protocols/openai_chat/fields.h"
#include "protocols/openai_chat/limits.h"

namespace tidegate::protocols::openai_chat {
namespace {

using core::Capability;
using core::PartKind;
using core::Role;

constexpr FieldNames kMessage{std::to_array<std::string_view>(
    {"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "reasoning_content",
     "reasoning", "function_call", "audio"})};
constexpr FieldNames kPart{std::to_array<std::string_view>(
    {"type", "text", "refusal", "image_url", "input_audio", "file"})};
constexpr FieldNames kImage{std::to_array<std::string_view>({"url", "detail"})};
constexpr FieldNames kAudio{std::to_array<std::string_view>({"data", "format"})};
constexpr FieldNames kFile{std::to_array<std::string_view>({"filename", "file_data", "file_id"})};
constexpr FieldNames kCall{
    std::to_array<std::string_view>({"id", "type", "function", "custom", "index"})};
constexpr FieldNames kCallee{std::to_array<std::string_view>({"name", "arguments", "input"})};

std::string Sizes(std::string_view what, std::size_t limit) {
  return "has more than " + std::to_string(limit) + " " + std::string(what);
}

struct RoleWord {
  std::string_view word;
  Role role;
};
// The deprecated "function" is a tool's result without a call's id.
constexpr std::array<RoleWord, 6> kRoles = {{{"system", Role::kSystem},
                                             {"developer", Role::kDeveloper},
                                             {"user", Role::kUser},
                                             {"assistant", Role::kAssistant},
                                             {"tool", Role::kTool},
                                             {"function", Role::kTool}}};

Result<Role> ParseRole(const json::Value& value, std::string_view word) {
  for (const RoleWord& known : kRoles) {
    if (known.word == word) return known.role;
  }
  return value.Invalid(
      "must be one of 'system', 'developer', 'user', 'assistant', 'tool', 'function'");
}

struct PartWord {
  std::string_view word;
  PartKind kind;
};
constexpr std::array<PartWord, 5> kParts = {{{"text", PartKind::kText},
                                             {"refusal", PartKind::kRefusal},
                                             {"image_url", PartKind::kImageUrl},
                                             {"input_audio", PartKind::kAudio},
                                             {"file", PartKind::kFile}}};

// Tool results with images are beyond the API description, but common among the servers that speak
// this protocol.
bool MayHold(Role role, PartKind kind) {
  switch (role) {
    case Role::kSystem:
    case Role::kDeveloper:
      return kind == PartKind::kText;
    case Role::kAssistant:
      return kind == PartKind::kText || kind == PartKind::kRefusal;
    case Role::kUser:
    case Role::kTool:
      return kind != PartKind::kRefusal;
  }
  return false;
}

Result<PartKind> ParsePartKind(const json::Value& type, Role role) {
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  for (const PartWord& known : kParts) {
    if (known.word != word) continue;
    if (MayHold(role, known.kind)) return known.kind;
    return type.Invalid("a part of type '" + std::string(word) +
                        "' cannot stand in a message of this role");
  }
  return type.Invalid("must be one of 'text', 'refusal', 'image_url', 'input_audio', 'file'");
}

// file: and other schemes would make an upstream on this machine read for the caller what the
// caller may not.
bool IsFetchable(std::string_view url) {
  constexpr std::array<std::string_view, 3> kSchemes = {"https://", "http://", "data:"};
  return std::any_of(kSchemes.begin(), kSchemes.end(), [url](std::string_view scheme) {
    return url.size() > scheme.size() &&
           std::equal(scheme.begin(), scheme.end(), url.begin(), [](char a, char b) {
             return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
           });
  });
}

}  // namespace

Result<void> MessageDecoder::Decode(const json::Value& messages) {
  TIDEGATE_ASSIGN(const json::Array array, messages.Array());
  if (array.empty()) return messages.Invalid("must hold at least one message");
  for (const json::Value message : array) {
    if (request_.messages.size() == kMessagesMax)
      return messages.Invalid(Sizes("messages", kMessagesMax));
    TIDEGATE_TRY(DecodeMessage(message));
  }
  return {};
}

Result<void> MessageDecoder::DecodeMessage(const json::Value& value) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kMessage, value));
  TIDEGATE_ASSIGN(const json::Value role, fields.Required(kMessage.Index("role")));
  TIDEGATE_ASSIGN(const std::string_view role_word, role.String());
  core::Message message;
  TIDEGATE_ASSIGN(message.role, ParseRole(role, role_word));
  const bool is_function = role_word == "function";
  if (fields.has_unknown() || is_function) Need(Capability::kVendorFields);

  if (fields.Value(kMessage.Index("name"))) {
    TIDEGATE_ASSIGN(message.name, texts_.KeepCounted(*fields.Member(kMessage.Index("name"))));
  } else if (is_function) {
    return InvalidArgument(fields.object().PathOf("name"), "is required");
  }
  bool says_something = false;
  if (message.role == Role::kAssistant) {
    for (const std::size_t index :
         {kMessage.Index("reasoning_content"), kMessage.Index("reasoning")}) {
      if (!fields.Value(index)) continue;
      Need(
          Capability::kVendorFields);  // not in the API description: only some servers take it back
      if (!message.parts.empty()) continue;
      TIDEGATE_ASSIGN(const std::string_view text, texts_.KeepCounted(*fields.Member(index)));
      message.parts.push_back({PartKind::kReasoning, text, {}});
    }
  }
  if (fields.Value(kMessage.Index("content"))) {
    TIDEGATE_TRY(DecodeContent(*fields.Member(kMessage.Index("content")), message));
    says_something = true;
  }
  if (message.role == Role::kAssistant) {
    if (fields.Value(kMessage.Index("refusal"))) {
      TIDEGATE_ASSIGN(const std::string_view text,
                      texts_.KeepCounted(*fields.Member(kMessage.Index("refusal"))));
      message.parts.push_back({PartKind::kRefusal, text, {}});
    }
    if (const std::optional<json::Value> calls = fields.Value(kMessage.Index("tool_calls"))) {
      TIDEGATE_TRY(DecodeToolCalls(*calls, message));
    }
    if (const std::optional<json::Value> call = fields.Value(kMessage.Index("function_call"))) {
      Need(Capability::kVendorFields);
      TIDEGATE_TRY(DecodeCallee(*call, false, message.tool_calls.emplace_back()));
    }
    const std::optional<json::Value> audio = fields.Value(kMessage.Index("audio"));
    if (audio) Need(Capability::kVendorFields);
    says_something |= !message.parts.empty() || !message.tool_calls.empty() || audio.has_value();
  }
  if (message.role == Role::kTool && !is_function) {
    TIDEGATE_ASSIGN(const json::Value id, fields.Required(kMessage.Index("tool_call_id")));
    TIDEGATE_ASSIGN(message.tool_call_id, texts_.Keep(id));
    if (!call_ids_.contains(message.tool_call_id)) {
      return id.Invalid("answers a tool call that no assistant message before it made");
    }
  }
  if (!says_something && !is_function) {
    return InvalidArgument(fields.object().PathOf("content"),
                           message.role == Role::kAssistant
                               ? "is required when there are no tool_calls"
                               : "is required");
  }
  request_.messages.push_back(std::move(message));
  return {};
}

Result<void> MessageDecoder::DecodeContent(const json::Member& content, core::Message& message) {
  if (content.value.is_string()) {
    TIDEGATE_ASSIGN(const std::string_view text, texts_.KeepCounted(content));
    message.parts.push_back({PartKind::kText, text, {}});
    return {};
  }
  if (!content.value.is_array()) return content.value.Mismatch("a string or an array of parts");
  TIDEGATE_ASSIGN(const json::Array parts, content.value.Array());
  if (parts.empty()) return content.value.Invalid("must hold at least one part");
  for (const json::Value part : parts) {
    if (message.parts.size() >= kPartsPerMessageMax)
      return content.value.Invalid(Sizes("parts", kPartsPerMessageMax));
    TIDEGATE_TRY(DecodePart(part, message));
  }
  return {};
}

Result<void> MessageDecoder::DecodePart(const json::Value& value, core::Message& message) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kPart, value));
  TIDEGATE_ASSIGN(const json::Value type, fields.Required(kPart.Index("type")));
  TIDEGATE_ASSIGN(const PartKind kind, ParsePartKind(type, message.role));
  if (fields.has_unknown()) Need(Capability::kVendorFields);
  // A part's content stands in the member that its type names.
  const std::size_t index = kPart.Find(*type.String());
  TIDEGATE_ASSIGN(const json::Value content, fields.Required(index));
  core::Part part{kind, {}, {}};
  if (kind == PartKind::kImageUrl) {
    TIDEGATE_ASSIGN(part, DecodeImage(content));
  } else if (kind == PartKind::kAudio) {
    TIDEGATE_ASSIGN(part, DecodeAudio(content));
  } else if (kind == PartKind::kFile) {
    TIDEGATE_ASSIGN(part, DecodeFile(content));
  } else {
    TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*fields.Member(index)));
  }
  if (kind != PartKind::kText && kind != PartKind::kRefusal &&
      ++request_.media_parts > static_cast<std::int64_t>(kMediaPartsMax)) {
    return value.Invalid("the request has more than " + std::to_string(kMediaPartsMax) +
                         " images, sounds and files");
  }
  message.parts.push_back(part);
  return {};
}

Result<core::Part> MessageDecoder::DecodeImage(const json::Value& value) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kImage, value));
  TIDEGATE_ASSIGN(const json::Value url, fields.Required(kImage.Index("url")));
  if (fields.has_unknown()) Need(Capability::kVendorFields);
  Need(Capability::kVision);
  core::Part part{PartKind::kImageUrl, {}, {}};
  TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kImage.Index("url"))));
  if (!IsFetchable(part.text)) return url.Invalid("must be an http(s): or data: URL");
  if (const std::optional<json::Value> detail = fields.Value(kImage.Index("detail"))) {
    TIDEGATE_ASSIGN(part.format, texts_.Keep(*detail));
    if (part.format != "auto" && part.format != "low" && part.format != "high") {
      return detail->Invalid("must be one of 'auto', 'low', 'high'");
    }
  }
  return part;
}

Result<core::Part> MessageDecoder::DecodeAudio(const json::Value& value) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kAudio, value));
  TIDEGATE_TRY(fields.Required(kAudio.Index("data")));
  TIDEGATE_ASSIGN(const json::Value format, fields.Required(kAudio.Index("format")));
  if (fields.has_unknown()) Need(Capability::kVendorFields);
  Need(Capability::kAudio);
  core::Part part{PartKind::kAudio, {}, {}};
  TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kAudio.Index("data"))));
  TIDEGATE_ASSIGN(part.format, texts_.Keep(format));
  if (part.format.empty()) return format.Invalid("must not be empty");
  return part;
}

Result<core::Part> MessageDecoder::DecodeFile(const json::Value& value) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kFile, value));
  if (fields.has_unknown()) Need(Capability::kVendorFields);
  Need(Capability::kFiles);
  core::Part part{PartKind::kFile, {}, {}};
  const bool has_data = fields.Value(kFile.Index("file_data")).has_value();
  const bool has_id = fields.Value(kFile.Index("file_id")).has_value();
  if (has_data == has_id) return value.Invalid("must have either file_data or file_id");
  if (has_data) {
    TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kFile.Index("file_data"))));
  } else {
    Need(Capability::kVendorFields);  // the id means something to one provider only
    TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kFile.Index("file_id"))));
  }
  if (fields.Value(kFile.Index("filename"))) {
    TIDEGATE_ASSIGN(part.format, texts_.KeepCounted(*fields.Member(kFile.Index("filename"))));
  }
  return part;
}

Result<void> MessageDecoder::DecodeToolCalls(const json::Value& calls, core::Message& message) {
  TIDEGATE_ASSIGN(const json::Array array, calls.Array());
  for (const json::Value call : array) {
    if (message.tool_calls.size() == kToolCallsPerMessageMax) {
      return calls.Invalid(Sizes("tool calls", kToolCallsPerMessageMax));
    }
    TIDEGATE_TRY(DecodeToolCall(call, message));
  }
  // Ids name one call within a message; later turns may use them again.
  std::unordered_set<std::string_view> ids;
  std::size_t position = 0;
  for (const json::Value call : array) {
    const std::string_view id = message.tool_calls[position++].id;
    if (!ids.insert(id).second) {
      return InvalidArgument(call.Object()->PathOf("id"),
                             "names another tool call of the same message too");
    }
  }
  call_ids_.insert(ids.begin(), ids.end());
  return {};
}

Result<void> MessageDecoder::DecodeToolCall(const json::Value& value, core::Message& message) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCall, value));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kCall.Index("id")));
  if (fields.has_unknown()) Need(Capability::kVendorFields);
  core::ToolCall call;
  TIDEGATE_ASSIGN(call.id, texts_.Keep(*fields.Member(kCall.Index("id"))));
  if (call.id.empty()) return id.Invalid("must not be empty");
  texts_.Count(call.id.size());
  bool custom = false;
  if (const std::optional<json::Value> type = fields.Value(kCall.Index("type"))) {
    TIDEGATE_ASSIGN(const std::string_view word, type->String());
    custom = word == "custom";
    if (!custom && word != "function") return type->Invalid("must be 'function' or 'custom'");
  }
  if (custom) Need(Capability::kVendorFields);
  const std::size_t callee = custom ? kCall.Index("custom") : kCall.Index("function");
  TIDEGATE_ASSIGN(const json::Value function, fields.Required(callee));
  TIDEGATE_TRY(DecodeCallee(function, custom, call));
  message.tool_calls.push_back(call);
  return {};
}

// {"name", "arguments"} of a function, {"name", "input"} of a custom tool.
Result<void> MessageDecoder::DecodeCallee(const json::Value& value, bool custom,
                                          core::ToolCall& call) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCallee, value));
  const std::size_t text = custom ? kCallee.Index("input") : kCallee.Index("arguments");
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kCallee.Index("name")));
  TIDEGATE_TRY(fields.Required(text));
  if (fields.has_unknown()) Need(Capability::kVendorFields);
  TIDEGATE_ASSIGN(call.name, texts_.KeepCounted(*fields.Member(kCallee.Index("name"))));
  if (call.name.empty()) return name.Invalid("must not be empty");
  TIDEGATE_ASSIGN(call.arguments, texts_.KeepCounted(*fields.Member(text)));
  return {};
}

}  // namespace tidegate::protocols::openai_chat
