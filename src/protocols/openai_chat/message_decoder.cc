#include "protocols/openai_chat/message_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "protocols/arguments.h"
#include "protocols/cache_control.h"
#include "protocols/fields.h"
#include "protocols/media.h"
#include "protocols/openai_chat/limits.h"
#include "protocols/openai_chat/reasoning_details.h"

namespace tidegate::protocols::openai_chat {
namespace {

using core::Capability;
using core::Part;
using core::PartKind;
using core::Role;

constexpr FieldNames kPart{std::to_array<std::string_view>(
    {"type", "text", "refusal", "image_url", "input_audio", "file", "cache_control"})};
constexpr FieldNames kImage{std::to_array<std::string_view>({"url", "detail"})};
constexpr FieldNames kAudio{std::to_array<std::string_view>({"data", "format"})};
constexpr FieldNames kFile{std::to_array<std::string_view>({"filename", "file_data", "file_id"})};
constexpr FieldNames kCall{std::to_array<std::string_view>(
    {"id", "type", "function", "custom", "index", "extra_content"})};
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
                                             {"image_url", PartKind::kImage},
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
  texts_.NeedVendorIfUnknown(fields);
  if (is_function) texts_.NeedVendor(role.Path());

  if (fields.Value(kMessage.Index("name"))) {
    TIDEGATE_ASSIGN(message.name, texts_.KeepCounted(*fields.Member(kMessage.Index("name"))));
  } else if (is_function) {
    return InvalidArgument(fields.object().PathOf("name"), "is required");
  }
  const bool has_content = fields.Value(kMessage.Index("content")).has_value();
  bool says_something = has_content;
  if (message.role == Role::kAssistant) TIDEGATE_TRY(DecodeReasoning(fields, message));
  if (has_content) {
    TIDEGATE_TRY(DecodeContent(*fields.Member(kMessage.Index("content")), message));
  }
  if (message.role == Role::kAssistant) {
    if (fields.Value(kMessage.Index("refusal"))) {
      TIDEGATE_ASSIGN(const std::string_view text,
                      texts_.KeepCounted(*fields.Member(kMessage.Index("refusal"))));
      message.parts.push_back({.kind = PartKind::kRefusal, .text = text});
    }
    if (const std::optional<json::Value> calls = fields.Value(kMessage.Index("tool_calls"))) {
      TIDEGATE_TRY(DecodeToolCalls(*calls, message));
    }
    if (const std::optional<json::Value> call = fields.Value(kMessage.Index("function_call"))) {
      texts_.NeedVendor(call->Path());
      TIDEGATE_TRY(DecodeCallee(*call, false,
                                message.parts.emplace_back(Part{.kind = PartKind::kToolCall})));
    }
    const std::optional<json::Value> audio = fields.Value(kMessage.Index("audio"));
    if (audio) texts_.NeedVendor(audio->Path());
    says_something |= !message.parts.empty() || audio.has_value();
  }
  if (message.role == Role::kTool) TIDEGATE_TRY(MakeToolResult(fields, is_function, message));
  if (!says_something && !is_function) {
    return InvalidArgument(fields.object().PathOf("content"),
                           message.role == Role::kAssistant
                               ? "is required when there are no tool_calls"
                               : "is required");
  }
  request_.messages.push_back(std::move(message));
  return {};
}

// What a tool message holds is the content of one result.
Result<void> MessageDecoder::MakeToolResult(const MessageFields& fields, bool is_function,
                                            core::Message& message) {
  Part result{.kind = PartKind::kToolResult};
  result.content = std::move(message.parts);
  message.parts.clear();
  if (is_function) {
    result.name = message.name;
  } else {
    TIDEGATE_ASSIGN(const json::Value id, fields.Required(kMessage.Index("tool_call_id")));
    TIDEGATE_ASSIGN(result.id, texts_.Keep(id));
    const auto call = calls_.find(result.id);
    if (call == calls_.end()) {
      return id.Invalid("answers a tool call that no assistant message before it made");
    }
    result.name = call->second;
  }
  if (std::any_of(result.content.begin(), result.content.end(),
                  [](const Part& part) { return core::IsMedia(part.kind); })) {
    texts_.Need(Capability::kMediaInResults);
  }
  message.parts.push_back(std::move(result));
  return {};
}

// "reasoning_content" or "reasoning" is text; OpenRouter's "reasoning_details" say the same with
// the state that vouches for it.
Result<void> MessageDecoder::DecodeReasoning(const MessageFields& fields, core::Message& message) {
  if (const std::optional<json::Value> details =
          fields.Value(kMessage.Index("reasoning_details"))) {
    request_.has_optional_fields = true;
    TIDEGATE_TRY(DecodeReasoningDetails(*details, texts_, message));
  }
  for (const std::size_t index :
       {kMessage.Index("reasoning_content"), kMessage.Index("reasoning")}) {
    const std::optional<json::Value> value = fields.Value(index);
    if (!value) continue;
    request_.has_optional_fields = true;  // only some servers take it back
    if (!message.parts.empty()) continue;
    TIDEGATE_ASSIGN(const std::string_view text, texts_.KeepCounted(*fields.Member(index)));
    message.parts.push_back({.kind = PartKind::kReasoning, .text = text});
  }
  return {};
}

Result<void> MessageDecoder::DecodeContent(const json::Member& content, core::Message& message) {
  if (content.value.is_string()) {
    TIDEGATE_ASSIGN(const std::string_view text, texts_.KeepCounted(content));
    message.parts.push_back({.kind = PartKind::kText, .text = text});
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
  texts_.NeedVendorIfUnknown(fields);
  // A part's content stands in the member that its type names.
  const std::size_t index = kPart.Find(*type.String());
  TIDEGATE_ASSIGN(const json::Value content, fields.Required(index));
  Part part{.kind = kind};
  if (kind == PartKind::kImage) {
    TIDEGATE_TRY(DecodeImage(content, part));
  } else if (kind == PartKind::kAudio) {
    TIDEGATE_TRY(DecodeAudio(content, part));
  } else if (kind == PartKind::kFile) {
    TIDEGATE_TRY(DecodeFile(content, part));
  } else {
    TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*fields.Member(index)));
  }
  if (core::IsMedia(kind) && ++request_.media_parts > static_cast<std::int64_t>(kMediaPartsMax)) {
    return value.Invalid("the request has more than " + std::to_string(kMediaPartsMax) +
                         " images, sounds and files");
  }
  if (const std::optional<json::Value> mark = fields.Value(kPart.Index("cache_control"))) {
    TIDEGATE_ASSIGN(part.cache, DecodeCacheControl(*mark));
    request_.has_optional_fields = true;
  }
  message.parts.push_back(std::move(part));
  return {};
}

Result<void> MessageDecoder::DecodeImage(const json::Value& value, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kImage, value));
  TIDEGATE_ASSIGN(const json::Value url, fields.Required(kImage.Index("url")));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(Capability::kVision);
  TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(*fields.Member(kImage.Index("url"))));
  TIDEGATE_TRY(ReadMediaUrl(url, text, part));
  if (part.source == core::MediaSource::kUrl) texts_.Need(Capability::kMediaUrl);
  if (const std::optional<json::Value> detail = fields.Value(kImage.Index("detail"))) {
    TIDEGATE_ASSIGN(part.detail, texts_.Keep(*detail));
    if (part.detail != "auto" && part.detail != "low" && part.detail != "high") {
      return detail->Invalid("must be one of 'auto', 'low', 'high'");
    }
  }
  return {};
}

Result<void> MessageDecoder::DecodeAudio(const json::Value& value, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kAudio, value));
  TIDEGATE_TRY(fields.Required(kAudio.Index("data")));
  TIDEGATE_ASSIGN(const json::Value format, fields.Required(kAudio.Index("format")));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(Capability::kAudio);
  part.source = core::MediaSource::kBase64;
  TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kAudio.Index("data"))));
  TIDEGATE_ASSIGN(const std::string_view word, texts_.Keep(format));
  if (word.empty()) return format.Invalid("must not be empty");
  part.media_type = AudioMediaType(word);
  if (part.media_type.empty()) part.media_type = texts_.Own("audio/" + std::string(word));
  return {};
}

Result<void> MessageDecoder::DecodeFile(const json::Value& value, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kFile, value));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(Capability::kFiles);
  const std::optional<json::Value> data = fields.Value(kFile.Index("file_data"));
  const bool has_id = fields.Value(kFile.Index("file_id")).has_value();
  if (data.has_value() == has_id) return value.Invalid("must have either file_data or file_id");
  if (data) {
    TIDEGATE_ASSIGN(const std::string_view text,
                    texts_.Keep(*fields.Member(kFile.Index("file_data"))));
    if (text.starts_with("data:")) {
      TIDEGATE_TRY(ReadMediaUrl(*data, text, part));
    } else {
      part.source = core::MediaSource::kBase64;  // as some clients send it
      part.text = text;
    }
  } else {
    // The id means something to one provider only.
    texts_.NeedVendor(fields.object().PathOf("file_id"));
    part.source = core::MediaSource::kFileId;
    TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kFile.Index("file_id"))));
  }
  if (fields.Value(kFile.Index("filename"))) {
    TIDEGATE_ASSIGN(part.name, texts_.KeepCounted(*fields.Member(kFile.Index("filename"))));
  }
  return {};
}

Result<void> MessageDecoder::DecodeToolCalls(const json::Value& calls, core::Message& message) {
  TIDEGATE_ASSIGN(const json::Array array, calls.Array());
  const std::size_t first = message.parts.size();
  for (const json::Value call : array) {
    if (message.parts.size() - first == kToolCallsPerMessageMax) {
      return calls.Invalid(Sizes("tool calls", kToolCallsPerMessageMax));
    }
    TIDEGATE_TRY(DecodeToolCall(call, message));
  }
  // Ids name one call within a message; later turns may use them again.
  std::unordered_set<std::string_view> ids;
  std::size_t position = first;
  for (const json::Value call : array) {
    const Part& part = message.parts[position++];
    if (!ids.insert(part.id).second) {
      return InvalidArgument(call.Object()->PathOf("id"),
                             "names another tool call of the same message too");
    }
    calls_[part.id] = part.name;
  }
  return {};
}

Result<void> MessageDecoder::DecodeToolCall(const json::Value& value, core::Message& message) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCall, value));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kCall.Index("id")));
  texts_.NeedVendorIfUnknown(fields);
  Part call{.kind = PartKind::kToolCall};
  TIDEGATE_ASSIGN(call.id, texts_.Keep(*fields.Member(kCall.Index("id"))));
  if (call.id.empty()) return id.Invalid("must not be empty");
  texts_.Count(call.id.size());
  bool custom = false;
  if (const std::optional<json::Value> type = fields.Value(kCall.Index("type"))) {
    TIDEGATE_ASSIGN(const std::string_view word, type->String());
    custom = word == "custom";
    if (!custom && word != "function") return type->Invalid("must be 'function' or 'custom'");
    if (custom) texts_.NeedVendor(type->Path());
  }
  const std::size_t callee = custom ? kCall.Index("custom") : kCall.Index("function");
  TIDEGATE_ASSIGN(const json::Value function, fields.Required(callee));
  TIDEGATE_TRY(DecodeCallee(function, custom, call));
  if (const std::optional<json::Value> extra = fields.Value(kCall.Index("extra_content"))) {
    request_.has_optional_fields = true;
    TIDEGATE_TRY(DecodeExtraContent(*extra, texts_, call));
  }
  message.parts.push_back(std::move(call));
  return {};
}

// {"name", "arguments"} of a function, {"name", "input"} of a custom tool.
Result<void> MessageDecoder::DecodeCallee(const json::Value& value, bool custom, Part& call) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCallee, value));
  const std::size_t text = custom ? kCallee.Index("input") : kCallee.Index("arguments");
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kCallee.Index("name")));
  TIDEGATE_TRY(fields.Required(text));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(call.name, texts_.KeepCounted(*fields.Member(kCallee.Index("name"))));
  if (call.name.empty()) return name.Invalid("must not be empty");
  TIDEGATE_ASSIGN(call.arguments, texts_.KeepCounted(*fields.Member(text)));
  if (!LooksLikeObject(call.arguments)) texts_.Need(Capability::kTextArguments);
  return {};
}

}  // namespace tidegate::protocols::openai_chat
