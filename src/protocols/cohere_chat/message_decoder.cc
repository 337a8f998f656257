#include "protocols/cohere_chat/message_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/base64.h"
#include "protocols/arguments.h"
#include "protocols/cohere_chat/document.h"
#include "protocols/cohere_chat/limits.h"
#include "protocols/fields.h"
#include "protocols/media.h"

namespace tidegate::protocols::cohere_chat {
namespace {

using core::Capability;
using core::Part;
using core::PartKind;
using core::Role;

constexpr FieldNames kMessage{std::to_array<std::string_view>(
    {"role", "content", "tool_calls", "tool_plan", "citations", "tool_call_id"})};
constexpr FieldNames kPart{
    std::to_array<std::string_view>({"type", "text", "thinking", "image_url", "document"})};
constexpr FieldNames kImage{std::to_array<std::string_view>({"url", "detail"})};
constexpr FieldNames kCall{std::to_array<std::string_view>({"id", "type", "function"})};
constexpr FieldNames kCallee{std::to_array<std::string_view>({"name", "arguments"})};

struct RoleWord {
  std::string_view word;
  Role role;
};
constexpr std::array<RoleWord, 4> kRoles = {{{"system", Role::kSystem},
                                             {"user", Role::kUser},
                                             {"assistant", Role::kAssistant},
                                             {"tool", Role::kTool}}};

Result<Role> ParseRole(const json::Value& role) {
  TIDEGATE_ASSIGN(const std::string_view word, role.String());
  for (const RoleWord& known : kRoles) {
    if (known.word == word) return known.role;
  }
  return role.Invalid("must be one of 'system', 'user', 'assistant', 'tool'");
}

bool MayHold(Role role, std::string_view type) {
  if (type == "text") return true;
  if (type == "thinking") return role == Role::kAssistant;
  if (type == "image_url") return role == Role::kUser;
  return role == Role::kUser || role == Role::kTool;  // a document
}

std::string Sizes(std::string_view what, std::size_t limit) {
  return "has more than " + std::to_string(limit) + " " + std::string(what);
}

}  // namespace

Result<void> MessageDecoder::DecodeMessages(const json::Value& messages) {
  TIDEGATE_ASSIGN(const json::Array array, messages.Array());
  if (array.empty()) return messages.Invalid("must hold at least one message");
  for (const json::Value message : array) {
    if (request_.messages.size() == kMessagesMax) {
      return messages.Invalid(Sizes("messages", kMessagesMax));
    }
    TIDEGATE_TRY(DecodeMessage(message));
  }
  return {};
}

Result<void> MessageDecoder::DecodeMessage(const json::Value& value) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kMessage, value));
  TIDEGATE_ASSIGN(const json::Value role, fields.Required(kMessage.Index("role")));
  texts_.NeedVendorIfUnknown(fields);
  core::Message message;
  TIDEGATE_ASSIGN(message.role, ParseRole(role));
  const bool by_assistant = message.role == Role::kAssistant;
  for (const std::string_view name : {"tool_calls", "tool_plan", "citations"}) {
    const std::optional<json::Value> member = fields.Value(kMessage.Find(name));
    if (member && !by_assistant) return member->Invalid("belongs in messages of the assistant");
  }

  const bool has_content = fields.Value(kMessage.Index("content")).has_value();
  if (has_content) {
    TIDEGATE_TRY(
        DecodeContent(*fields.Member(kMessage.Index("content")), message.role, message.parts));
  }
  // What the model meant to do with its tools, said before it called them.
  if (fields.Value(kMessage.Index("tool_plan"))) {
    TIDEGATE_ASSIGN(const std::string_view plan,
                    texts_.KeepCounted(*fields.Member(kMessage.Index("tool_plan"))));
    if (!plan.empty()) message.parts.push_back({.kind = PartKind::kText, .text = plan});
  }
  if (const std::optional<json::Value> calls = fields.Value(kMessage.Index("tool_calls"))) {
    TIDEGATE_TRY(DecodeToolCalls(*calls, message));
  }
  // Citations of an earlier answer say where its text came from; they are not part of it.
  if (const std::optional<json::Value> notes = fields.Value(kMessage.Index("citations"))) {
    TIDEGATE_TRY(notes->Array());
  }
  if (!has_content && (!by_assistant || message.parts.empty())) {
    return InvalidArgument(
        fields.object().PathOf("content"),
        by_assistant ? "is required when there are no tool_calls" : "is required");
  }
  if (message.role == Role::kTool) {
    TIDEGATE_ASSIGN(const json::Value id, fields.Required(kMessage.Index("tool_call_id")));
    Part result{.kind = PartKind::kToolResult};
    TIDEGATE_ASSIGN(result.id, texts_.Keep(id));
    const auto call = calls_.find(result.id);
    if (call == calls_.end()) {
      return id.Invalid("answers a tool call that no assistant message before it made");
    }
    result.name = call->second;
    result.content = std::exchange(message.parts, {});
    message.parts.push_back(std::move(result));
  }
  request_.messages.push_back(std::move(message));
  return {};
}

Result<void> MessageDecoder::DecodeContent(const json::Member& content, Role role,
                                           std::vector<Part>& parts) {
  if (content.value.is_string()) {
    TIDEGATE_ASSIGN(const std::string_view text, texts_.KeepCounted(content));
    parts.push_back({.kind = PartKind::kText, .text = text});
    return {};
  }
  if (!content.value.is_array()) return content.value.Mismatch("a string or an array of parts");
  const json::Array array = *content.value.Array();
  for (const json::Value part : array) {
    if (parts.size() >= kPartsPerMessageMax) {
      return content.value.Invalid(Sizes("parts", kPartsPerMessageMax));
    }
    TIDEGATE_TRY(DecodePart(part, role, parts));
  }
  return {};
}

Result<void> MessageDecoder::DecodePart(const json::Value& value, Role role,
                                        std::vector<Part>& parts) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kPart, value));
  TIDEGATE_ASSIGN(const json::Value type, fields.Required(kPart.Index("type")));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  const std::size_t index = kPart.Find(word);
  if (index == kPart.names.size() || index == kPart.Index("type")) {
    return type.Invalid("must be one of 'text', 'thinking', 'image_url', 'document'");
  }
  if (!MayHold(role, word)) {
    return type.Invalid("a part of type '" + std::string(word) +
                        "' cannot stand in a message of this role");
  }
  texts_.NeedVendorIfUnknown(fields);
  // A part's content stands in the member that its type names.
  TIDEGATE_ASSIGN(const json::Value content, fields.Required(index));
  Part part;
  if (index == kPart.Index("image_url")) {
    TIDEGATE_TRY(DecodeImage(content, part));
    TIDEGATE_TRY(CountMedia(value));
  } else if (index == kPart.Index("document")) {
    // Here it is what a tool found, or what the caller quotes: the model reads it as text.
    TIDEGATE_ASSIGN(const Document document, ReadDocument(content));
    part.text =
        texts_.Own(document.title.empty() ? document.text : document.title + "\n" + document.text);
    texts_.Count(content.raw().size());
  } else {
    if (index == kPart.Index("thinking")) part.kind = PartKind::kReasoning;
    TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*fields.Member(index)));
  }
  parts.push_back(std::move(part));
  return {};
}

Result<void> MessageDecoder::CountMedia(const json::Value& at) {
  if (++request_.media_parts > static_cast<std::int64_t>(kMediaPartsMax)) {
    return at.Invalid("the request has more than " + std::to_string(kMediaPartsMax) +
                      " images and documents");
  }
  return {};
}

Result<void> MessageDecoder::DecodeImage(const json::Value& value, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kImage, value));
  TIDEGATE_ASSIGN(const json::Value url, fields.Required(kImage.Index("url")));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(Capability::kVision);
  part.kind = PartKind::kImage;
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

Result<void> MessageDecoder::DecodeToolCalls(const json::Value& calls, core::Message& message) {
  TIDEGATE_ASSIGN(const json::Array array, calls.Array());
  std::unordered_set<std::string_view> ids;  // they name one call within a message
  for (const json::Value value : array) {
    if (ids.size() == kToolCallsPerMessageMax) {
      return calls.Invalid(Sizes("tool calls", kToolCallsPerMessageMax));
    }
    Part call{.kind = PartKind::kToolCall};
    TIDEGATE_TRY(DecodeToolCall(value, call));
    if (!ids.insert(call.id).second) {
      return InvalidArgument(value.Object()->PathOf("id"),
                             "names another tool call of the same message too");
    }
    calls_[call.id] = call.name;
    message.parts.push_back(std::move(call));
  }
  return {};
}

Result<void> MessageDecoder::DecodeToolCall(const json::Value& value, Part& call) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCall, value));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kCall.Index("id")));
  TIDEGATE_ASSIGN(const json::Value function, fields.Required(kCall.Index("function")));
  if (const std::optional<json::Value> type = fields.Value(kCall.Index("type"))) {
    TIDEGATE_ASSIGN(const std::string_view word, type->String());
    if (word != "function") return type->Invalid("must be 'function'");
  }
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(call.id, texts_.KeepCounted(*fields.Member(kCall.Index("id"))));
  if (call.id.empty()) return id.Invalid("must not be empty");
  TIDEGATE_ASSIGN(const auto callee, ReadFields(kCallee, function));
  TIDEGATE_ASSIGN(const json::Value name, callee.Required(kCallee.Index("name")));
  TIDEGATE_TRY(callee.Required(kCallee.Index("arguments")));
  texts_.NeedVendorIfUnknown(callee);
  TIDEGATE_ASSIGN(call.name, texts_.KeepCounted(*callee.Member(kCallee.Index("name"))));
  if (call.name.empty()) return name.Invalid("must not be empty");
  TIDEGATE_ASSIGN(call.arguments, texts_.KeepCounted(*callee.Member(kCallee.Index("arguments"))));
  if (!LooksLikeObject(call.arguments)) texts_.Need(Capability::kTextArguments);
  return {};
}

Result<void> MessageDecoder::DecodeDocuments(const json::Value& documents, bool cited) {
  TIDEGATE_ASSIGN(const json::Array array, documents.Array());
  std::vector<Part> parts;
  for (const json::Value value : array) {
    TIDEGATE_TRY(CountMedia(value));
    TIDEGATE_ASSIGN(const Document document, ReadDocument(value));
    texts_.Count(value.raw().size());
    Part part;
    if (cited) {
      part.kind = PartKind::kFile;
      part.source = core::MediaSource::kBase64;
      part.media_type = "text/plain";
      part.text = texts_.Own(EncodeBase64(document.text));
      part.name = texts_.Own(document.title);
      part.id = texts_.Own(document.id);
    } else {
      part.text = texts_.Own(Spell(document, "doc:" + std::to_string(parts.size())));
    }
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return {};
  if (cited) {
    texts_.Need(Capability::kFiles);
    texts_.Need(Capability::kCitations);
  }
  const auto question =
      std::find_if(request_.messages.rbegin(), request_.messages.rend(),
                   [](const core::Message& message) { return message.role == Role::kUser; });
  if (question == request_.messages.rend()) {
    request_.messages.push_back({.role = Role::kUser, .parts = std::move(parts), .name = {}});
    return {};
  }
  parts.insert(parts.end(), question->parts.begin(), question->parts.end());
  question->parts = std::move(parts);
  return {};
}

}  // namespace tidegate::protocols::cohere_chat
