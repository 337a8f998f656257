#include "protocols/ollama/message_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/ascii.h"
#include "protocols/arguments.h"
#include "protocols/fields.h"
#include "protocols/media.h"
#include "protocols/ollama/limits.h"

namespace tidegate::protocols::ollama {
namespace {

using core::Capability;
using core::Part;
using core::PartKind;
using core::Role;

// `name` of a tool's message: what older clients call tool_name.
constexpr FieldNames kMessage{std::to_array<std::string_view>(
    {"role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id", "name"})};
constexpr FieldNames kCall{std::to_array<std::string_view>({"id", "type", "function"})};
constexpr FieldNames kFunction{
    std::to_array<std::string_view>({"index", "name", "description", "arguments"})};

struct RoleWord {
  std::string_view word;
  Role role;
};
constexpr std::array<RoleWord, 4> kRoles = {{{"system", Role::kSystem},
                                             {"user", Role::kUser},
                                             {"assistant", Role::kAssistant},
                                             {"tool", Role::kTool}}};

Result<Role> ParseRole(const json::Value& value) {
  TIDEGATE_ASSIGN(const std::string_view word, value.String());
  for (const RoleWord& known : kRoles) {
    if (EqualsIgnoreCase(word, known.word)) return known.role;
  }
  return value.Invalid("must be one of 'system', 'user', 'assistant', 'tool'");
}

}  // namespace

Result<void> MessageDecoder::Decode(const json::Value& messages) {
  TIDEGATE_ASSIGN(const json::Array array, messages.Array());
  for (const json::Value message : array) {
    if (request_.messages.size() == kMessagesMax) {
      return messages.Invalid("has more than " + std::to_string(kMessagesMax) + " messages");
    }
    TIDEGATE_TRY(DecodeMessage(message));
  }
  return {};
}

Result<void> MessageDecoder::DecodeMessage(const json::Value& value) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kMessage, value));
  TIDEGATE_ASSIGN(const json::Value role, fields.Required(kMessage.Index("role")));
  core::Message message;
  TIDEGATE_ASSIGN(message.role, ParseRole(role));
  texts_.NeedVendorIfUnknown(fields);
  if (fields.Value(kMessage.Index("thinking"))) {
    const json::Member thinking = *fields.Member(kMessage.Index("thinking"));
    TIDEGATE_ASSIGN(const std::string_view text, texts_.KeepCounted(thinking));
    if (message.role == Role::kAssistant) {
      if (!text.empty()) message.parts.push_back({.kind = PartKind::kReasoning, .text = text});
    } else {
      texts_.NeedVendor(thinking.value.Path());
    }
  }
  if (fields.Value(kMessage.Index("content"))) {
    TIDEGATE_ASSIGN(const std::string_view text,
                    texts_.KeepCounted(*fields.Member(kMessage.Index("content"))));
    if (!text.empty()) message.parts.push_back({.kind = PartKind::kText, .text = text});
  }
  if (const std::optional<json::Value> images = fields.Value(kMessage.Index("images"))) {
    TIDEGATE_TRY(DecodeImages(*images, message.parts));
  }
  if (const std::optional<json::Value> calls = fields.Value(kMessage.Index("tool_calls"))) {
    if (message.role != Role::kAssistant) {
      return calls->Invalid("only a message of role 'assistant' can call tools");
    }
    TIDEGATE_TRY(DecodeCalls(*calls, message));
  }
  std::string_view id, name;
  if (fields.Value(kMessage.Index("tool_call_id"))) {
    TIDEGATE_ASSIGN(id, texts_.Keep(*fields.Member(kMessage.Index("tool_call_id"))));
  }
  for (const std::size_t index : {kMessage.Index("name"), kMessage.Index("tool_name")}) {
    if (!fields.Value(index)) continue;
    TIDEGATE_ASSIGN(name, texts_.Keep(*fields.Member(index)));
  }
  if (message.role == Role::kTool) {
    MakeResult(value, id, name, message);
  } else if (fields.Value(kMessage.Index("name"))) {
    message.name = name;
  }
  request_.messages.push_back(std::move(message));
  return {};
}

Result<void> MessageDecoder::DecodeImages(const json::Value& images, std::vector<Part>& parts) {
  TIDEGATE_ASSIGN(const json::Array array, images.Array());
  for (const json::Value image : array) {
    if (++request_.media_parts > static_cast<std::int64_t>(kMediaPartsMax)) {
      return image.Invalid("the request has more than " + std::to_string(kMediaPartsMax) +
                           " images");
    }
    TIDEGATE_TRY(DecodeImage(image, parts));
  }
  return {};
}

// What it is, its first bytes say: models that hear take sounds here too.
Result<void> MessageDecoder::DecodeImage(const json::Value& value, std::vector<Part>& parts) {
  TIDEGATE_ASSIGN(const std::string_view data, texts_.Keep(value));
  if (data.empty()) return value.Invalid("must not be empty");
  if (data.starts_with("data:") || data.find("://") != std::string_view::npos) {
    return value.Invalid("must be base64 alone: not a URL, and without 'data:…' in front");
  }
  const SniffedMedia media = SniffBase64(data);
  if (media.media_type.empty()) {
    texts_.NeedVendor(value.Path());
    texts_.Count(data.size());
  }
  texts_.Need(media.kind == PartKind::kAudio ? Capability::kAudio : Capability::kVision);
  parts.push_back({.kind = media.kind,
                   .source = core::MediaSource::kBase64,
                   .text = data,
                   .media_type = media.media_type});
  return {};
}

Result<void> MessageDecoder::DecodeCalls(const json::Value& calls, core::Message& message) {
  TIDEGATE_ASSIGN(const json::Array array, calls.Array());
  if (array.empty()) return {};
  open_.clear();
  open_ids_.clear();
  for (const json::Value call : array) {
    if (open_.size() == kToolCallsPerMessageMax) {
      return calls.Invalid("has more than " + std::to_string(kToolCallsPerMessageMax) +
                           " tool calls");
    }
    TIDEGATE_TRY(DecodeCall(call, message));
  }
  return {};
}

Result<void> MessageDecoder::DecodeCall(const json::Value& value, core::Message& message) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCall, value));
  TIDEGATE_ASSIGN(const json::Value function, fields.Required(kCall.Index("function")));
  texts_.NeedVendorIfUnknown(fields);
  if (const std::optional<json::Value> type = fields.Value(kCall.Index("type"))) {
    TIDEGATE_ASSIGN(const std::string_view word, type->String());
    if (word != "function") return type->Invalid("must be 'function'");
  }
  TIDEGATE_ASSIGN(const auto callee, ReadFields(kFunction, function));
  TIDEGATE_ASSIGN(const json::Value name, callee.Required(kFunction.Index("name")));
  texts_.NeedVendorIfUnknown(callee);
  Part call{.kind = PartKind::kToolCall};
  TIDEGATE_ASSIGN(call.name, texts_.KeepCounted(*callee.Member(kFunction.Index("name"))));
  if (call.name.empty()) return name.Invalid("must not be empty");
  call.arguments = "{}";
  if (const std::optional<json::Value> arguments = callee.Value(kFunction.Index("arguments"))) {
    if (!arguments->is_object()) return arguments->Mismatch("an object");
    call.arguments = arguments->raw();
  }
  texts_.Count(call.arguments.size());
  const auto made = [&] {
    return texts_.Own("call_" + std::to_string(request_.messages.size()) + "_" +
                      std::to_string(open_.size()));
  };
  if (fields.Value(kCall.Index("id"))) {
    TIDEGATE_ASSIGN(call.id, texts_.Keep(*fields.Member(kCall.Index("id"))));
  }
  if (call.id.empty()) call.id = made();
  if (!open_ids_.emplace(call.id, open_.size()).second)
    return value.Invalid("has the id of another tool call of the same message");
  open_.push_back({call.id, call.name});
  calls_[call.id] = call.name;
  message.parts.push_back(std::move(call));
  return {};
}

MessageDecoder::Call* MessageDecoder::FindOpenCall(std::string_view name) {
  for (Call& call : open_) {
    if (!call.answered && (name.empty() || call.name == name)) return &call;
  }
  return nullptr;
}

// A result that belongs to no call is still something to a server of this protocol, which only
// shows its text to the model, and to no other.
void MessageDecoder::MakeResult(const json::Value& at, std::string_view id, std::string_view name,
                                core::Message& message) {
  Part result{.kind = PartKind::kToolResult, .name = name, .id = id};
  result.content = std::exchange(message.parts, {});
  Call* call = nullptr;
  if (id.empty()) {
    call = FindOpenCall(name);
  } else if (const auto open = open_ids_.find(id); open != open_ids_.end()) {
    call = &open_[open->second];
  }
  if (call != nullptr) {
    call->answered = true;
    result.id = call->id;
    result.name = call->name;
  } else if (const auto earlier = calls_.find(id); !id.empty() && earlier != calls_.end()) {
    result.name = earlier->second;
  } else {
    texts_.NeedVendor(at.Path());
  }
  for (const Part& inner : result.content) {
    if (core::IsMedia(inner.kind)) texts_.Need(Capability::kMediaInResults);
  }
  message.parts.push_back(std::move(result));
}

}  // namespace tidegate::protocols::ollama
