#include "protocols/openai_responses/item_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "json/splice.h"
#include "json/writer.h"
#include "protocols/arguments.h"
#include "protocols/fields.h"
#include "protocols/media.h"
#include "protocols/opaque.h"
#include "protocols/openai_responses/custom_tool.h"
#include "protocols/openai_responses/item_ids.h"
#include "protocols/openai_responses/limits.h"
#include "protocols/spans.h"

namespace tidegate::protocols::openai_responses {
namespace {

using core::Capability;
using core::Part;
using core::PartKind;
using core::Role;
using core::StateKind;
using core::StateOrigin;

// `phase` says which of an assistant's messages was its last word; it is for models that wrote it.
constexpr FieldNames kMessage{
    std::to_array<std::string_view>({"type", "role", "content", "id", "status", "phase"})};
constexpr FieldNames kText{
    std::to_array<std::string_view>({"type", "text", "prompt_cache_breakpoint"})};
constexpr FieldNames kOutputText{
    std::to_array<std::string_view>({"type", "text", "annotations", "logprobs"})};
constexpr FieldNames kRefusal{std::to_array<std::string_view>({"type", "refusal"})};
constexpr FieldNames kImage{std::to_array<std::string_view>(
    {"type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"})};
constexpr FieldNames kFile{std::to_array<std::string_view>(
    {"type", "file_id", "filename", "file_data", "file_url", "detail", "prompt_cache_breakpoint"})};
constexpr FieldNames kReasoning{std::to_array<std::string_view>(
    {"type", "id", "summary", "content", "encrypted_content", "status"})};
constexpr FieldNames kCall{std::to_array<std::string_view>(
    {"type", "call_id", "name", "arguments", "namespace", "id", "status", "caller", "created_by"})};
constexpr FieldNames kCustomCall{std::to_array<std::string_view>(
    {"type", "call_id", "name", "input", "namespace", "id", "status", "caller", "created_by"})};
constexpr FieldNames kOutput{std::to_array<std::string_view>(
    {"type", "call_id", "output", "id", "status", "name", "namespace", "caller", "created_by"})};
constexpr FieldNames kAddedTools{std::to_array<std::string_view>({"type", "role", "tools", "id"})};

struct RoleWord {
  std::string_view word;
  Role role;
};
constexpr std::array<RoleWord, 4> kRoles = {{{"user", Role::kUser},
                                             {"assistant", Role::kAssistant},
                                             {"developer", Role::kDeveloper},
                                             {"system", Role::kSystem}}};

bool IsSystem(Role role) { return role == Role::kSystem || role == Role::kDeveloper; }

// The member's text, or nothing.
template <std::size_t N>
Result<std::string_view> KeepOptional(const Fields<N>& fields, std::size_t index,
                                      RequestTexts& texts) {
  if (!fields.Value(index)) return std::string_view();
  return texts.Keep(*fields.Member(index));
}

// The texts of a list of {"type", "text"}, with a blank line between two.
Result<std::string_view> JoinTexts(const json::Value& list, RequestTexts& texts) {
  TIDEGATE_ASSIGN(const json::Array array, list.Array());
  std::string_view first;
  std::string joined;
  std::size_t count = 0;
  for (const json::Value entry : array) {
    TIDEGATE_ASSIGN(const json::Object object, entry.Object());
    TIDEGATE_ASSIGN(const json::Value text, object.Get("text"));
    TIDEGATE_ASSIGN(const std::string_view kept, texts.Keep(text));
    if (++count == 1) {
      first = kept;
      continue;
    }
    if (count == 2) joined = first;
    joined += "\n\n";
    joined += kept;
  }
  return count < 2 ? first : texts.Own(joined);
}

}  // namespace

Result<void> ItemDecoder::Decode(const json::Value& input) {
  if (input.is_string()) {
    TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(input));
    texts_.Count(text.size());
    request_.messages.push_back({.role = Role::kUser, .parts = {}, .name = {}});
    request_.messages.back().parts.push_back({.text = text});
    return {};
  }
  if (!input.is_array()) return input.Mismatch("a string or an array of items");
  const json::Array items = *input.Array();
  std::vector<bool> removed;
  for (const json::Value item : items) {
    if (removed.size() == kItemsMax) {
      return input.Invalid("has more than " + std::to_string(kItemsMax) + " items");
    }
    removed_ = false;
    TIDEGATE_TRY(DecodeItem(item));
    removed.push_back(removed_);
  }
  PutStates();
  if (std::find(removed.begin(), removed.end(), true) == removed.end()) return {};
  for (const json::Span span : json::RemovalSpans(items, removed)) {
    request_.edits.push_back({ToCore(span), {}});
  }
  return {};
}

// A state that came in a thought of its own belongs to the part behind it.
void ItemDecoder::PutStates() {
  for (core::Message& message : request_.messages) {
    if (message.role == Role::kAssistant) PutStatesInTheirParts(message.parts);
  }
}

Result<void> ItemDecoder::DecodeItem(const json::Value& item) {
  TIDEGATE_ASSIGN(const json::Object object, item.Object());
  std::string_view word = "message";
  const std::optional<json::Value> type = object.Find("type");
  if (type && !type->is_null()) {
    TIDEGATE_ASSIGN(word, type->String());
  } else if (!object.Find("role")) {
    return InvalidArgument(object.PathOf("type"), "is required");
  }
  if (word == "message") return DecodeMessage(item);
  if (word == "function_call") return DecodeFunctionCall(item);
  if (word == "function_call_output") return DecodeOutput(item, false);
  if (word == "reasoning") return DecodeReasoning(item);
  if (word == "custom_tool_call") return DecodeCustomCall(item);
  if (word == "custom_tool_call_output") return DecodeOutput(item, true);
  if (word == "additional_tools") return DecodeAddedTools(item);
  TIDEGATE_TRY(object.RequireUniqueKeys());
  if (word == "item_reference") {
    TIDEGATE_ASSIGN(const json::Value id, object.Get("id"));
    TIDEGATE_ASSIGN(const std::string_view name, texts_.Keep(id));
    if (name.empty()) return id.Invalid("must not be empty");
    request_.references.push_back(name);
    return {};
  }
  texts_.Count(item.raw().size());
  // A note that the vendor searched: what it found is in the message behind it.
  if (word == "web_search_call") return {};
  if (word.empty()) return type->Invalid("must not be empty");
  texts_.NeedVendor(type->Path());  // the vendor's own tools, compactions, and what comes next
  return {};
}

core::Message& ItemDecoder::Open(Role role) {
  std::vector<core::Message>& messages = request_.messages;
  if (messages.empty() || messages.back().role != role) {
    messages.push_back({.role = role, .parts = {}, .name = {}});
    if (role == Role::kAssistant) turn_ids_.clear();
  }
  return messages.back();
}

Result<void> ItemDecoder::DecodeMessage(const json::Value& item) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kMessage, item));
  TIDEGATE_ASSIGN(const json::Value role, fields.Required(kMessage.Index("role")));
  TIDEGATE_ASSIGN(const std::string_view word, role.String());
  texts_.NeedVendorIfUnknown(fields);
  const auto known = std::find_if(kRoles.begin(), kRoles.end(),
                                  [&](const RoleWord& each) { return each.word == word; });
  if (known == kRoles.end()) {
    return role.Invalid("must be one of 'user', 'assistant', 'developer', 'system'");
  }
  TIDEGATE_ASSIGN(const json::Value content, fields.Required(kMessage.Index("content")));
  std::vector<core::Message>& messages = request_.messages;
  if (known->role == Role::kAssistant) {
    core::Message& turn = Open(Role::kAssistant);
    const bool said = std::any_of(turn.parts.begin(), turn.parts.end(), [](const Part& part) {
      return part.kind == PartKind::kText || part.kind == PartKind::kRefusal;
    });
    // Two messages are two, unless calls bind them into one turn that the results must follow.
    if (said && turn_ids_.empty()) {
      messages.push_back({.role = Role::kAssistant, .parts = {}, .name = {}});
    }
    return DecodeContent(content, Role::kAssistant, messages.back().parts);
  }
  // What stands in front of a conversation is one message wherever there is but one place for it.
  const bool joins = IsSystem(known->role) && !messages.empty() && IsSystem(messages.back().role);
  if (!joins) messages.push_back({.role = known->role, .parts = {}, .name = {}});
  return DecodeContent(content, known->role, messages.back().parts);
}

Result<void> ItemDecoder::DecodeContent(const json::Value& content, Role role,
                                        std::vector<Part>& parts) {
  if (content.is_string()) {
    Part part;
    TIDEGATE_ASSIGN(part.text, texts_.Keep(content));
    texts_.Count(part.text.size());
    parts.push_back(std::move(part));
    return {};
  }
  if (!content.is_array()) return content.Mismatch("a string or an array of parts");
  const json::Array array = *content.Array();
  for (const json::Value value : array) {
    if (parts.size() >= kPartsPerMessageMax) {
      return content.Invalid("makes a message of more than " + std::to_string(kPartsPerMessageMax) +
                             " parts");
    }
    TIDEGATE_TRY(DecodePart(value, role, parts));
  }
  return {};
}

Result<void> ItemDecoder::DecodePart(const json::Value& value, Role role,
                                     std::vector<Part>& parts) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  TIDEGATE_ASSIGN(const json::Value type, object.Get("type"));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  Part part;
  const bool says = word == "output_text" || word == "refusal";
  if (says != (role == Role::kAssistant) && (says || word.starts_with("input_"))) {
    // A text that an assistant is said to have been given is one that it said.
    if (word != "input_text") {
      return type.Invalid("a part of type '" + std::string(word) +
                          "' cannot stand in a message of this role");
    }
  }
  if (word == "input_text") {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kText, value));
    TIDEGATE_TRY(fields.Required(kText.Index("text")));
    texts_.NeedVendorIfUnknown(fields);
    TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*fields.Member(kText.Index("text"))));
    if (fields.Value(kText.Index("prompt_cache_breakpoint"))) part.cache = core::CacheMark::kShort;
  } else if (word == "output_text") {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kOutputText, value));
    TIDEGATE_TRY(fields.Required(kOutputText.Index("text")));
    texts_.NeedVendorIfUnknown(fields);
    TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*fields.Member(kOutputText.Index("text"))));
  } else if (word == "refusal") {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kRefusal, value));
    TIDEGATE_TRY(fields.Required(kRefusal.Index("refusal")));
    texts_.NeedVendorIfUnknown(fields);
    part.kind = PartKind::kRefusal;
    TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*fields.Member(kRefusal.Index("refusal"))));
  } else if (word == "input_image") {
    TIDEGATE_TRY(DecodeImage(value, part));
  } else if (word == "input_file") {
    TIDEGATE_TRY(DecodeFile(value, part));
  } else {
    if (word.empty()) return type.Invalid("must not be empty");
    TIDEGATE_TRY(object.RequireUniqueKeys());
    texts_.NeedVendor(type.Path());
    texts_.Count(value.raw().size());
    return {};
  }
  if (core::IsMedia(part.kind) &&
      ++request_.media_parts > static_cast<std::int64_t>(kMediaPartsMax)) {
    return value.Invalid("the request has more than " + std::to_string(kMediaPartsMax) +
                         " images and files");
  }
  parts.push_back(std::move(part));
  return {};
}

Result<void> ItemDecoder::DecodeImage(const json::Value& value, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kImage, value));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(Capability::kVision);
  part.kind = PartKind::kImage;
  const std::optional<json::Value> url = fields.Value(kImage.Index("image_url"));
  const std::optional<json::Value> file = fields.Value(kImage.Index("file_id"));
  if (url.has_value() == file.has_value()) {
    return value.Invalid("must have either image_url or file_id");
  }
  if (url) {
    TIDEGATE_ASSIGN(const std::string_view text,
                    texts_.Keep(*fields.Member(kImage.Index("image_url"))));
    TIDEGATE_TRY(ReadMediaUrl(*url, text, part));
    if (part.source == core::MediaSource::kUrl) texts_.Need(Capability::kMediaUrl);
  } else {
    texts_.NeedVendor(file->Path());
    part.source = core::MediaSource::kFileId;
    TIDEGATE_ASSIGN(part.text, texts_.Keep(*file));
  }
  if (const std::optional<json::Value> detail = fields.Value(kImage.Index("detail"))) {
    TIDEGATE_ASSIGN(part.detail, texts_.Keep(*detail));
    constexpr std::array<std::string_view, 4> kDetails = {"auto", "low", "high", "original"};
    if (std::find(kDetails.begin(), kDetails.end(), part.detail) == kDetails.end()) {
      return detail->Invalid("must be one of 'auto', 'low', 'high', 'original'");
    }
    if (part.detail == "original") part.detail = "high";  // the most that others know
  }
  if (fields.Value(kImage.Index("prompt_cache_breakpoint"))) part.cache = core::CacheMark::kShort;
  return {};
}

Result<void> ItemDecoder::DecodeFile(const json::Value& value, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kFile, value));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(Capability::kFiles);
  part.kind = PartKind::kFile;
  const std::optional<json::Value> data = fields.Value(kFile.Index("file_data"));
  const std::optional<json::Value> url = fields.Value(kFile.Index("file_url"));
  const std::optional<json::Value> id = fields.Value(kFile.Index("file_id"));
  if (int{data.has_value()} + int{url.has_value()} + int{id.has_value()} != 1) {
    return value.Invalid("must have one of file_data, file_url and file_id");
  }
  if (data) {
    TIDEGATE_ASSIGN(const std::string_view text,
                    texts_.Keep(*fields.Member(kFile.Index("file_data"))));
    if (text.starts_with("data:")) {
      TIDEGATE_TRY(ReadMediaUrl(*data, text, part));
    } else {
      part.source = core::MediaSource::kBase64;  // as some clients send it
      part.text = text;
    }
  } else if (url) {
    TIDEGATE_ASSIGN(const std::string_view text,
                    texts_.Keep(*fields.Member(kFile.Index("file_url"))));
    TIDEGATE_TRY(ReadMediaUrl(*url, text, part));
    if (part.source != core::MediaSource::kUrl) return url->Invalid("must be an http(s) URL");
    texts_.Need(Capability::kMediaUrl);
  } else {
    texts_.NeedVendor(id->Path());
    part.source = core::MediaSource::kFileId;
    TIDEGATE_ASSIGN(part.text, texts_.Keep(*id));
  }
  TIDEGATE_ASSIGN(part.name, KeepOptional(fields, kFile.Index("filename"), texts_));
  texts_.Count(part.name.size());
  if (fields.Value(kFile.Index("prompt_cache_breakpoint"))) part.cache = core::CacheMark::kShort;
  return {};
}

Result<void> ItemDecoder::DecodeReasoning(const json::Value& item) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kReasoning, item));
  texts_.NeedVendorIfUnknown(fields);
  Part part{.kind = PartKind::kReasoning};
  if (const std::optional<json::Value> content = fields.Value(kReasoning.Index("content"))) {
    TIDEGATE_ASSIGN(part.text, JoinTexts(*content, texts_));
  }
  if (const std::optional<json::Value> summary = fields.Value(kReasoning.Index("summary"))) {
    TIDEGATE_ASSIGN(const std::string_view text, JoinTexts(*summary, texts_));
    if (part.text.empty()) part.text = text;
  }
  texts_.Count(part.text.size());
  TIDEGATE_ASSIGN(const std::string_view id, KeepOptional(fields, kReasoning.Index("id"), texts_));
  bool enveloped = false;
  if (fields.Value(kReasoning.Index("encrypted_content"))) {
    const json::Member member = *fields.Member(kReasoning.Index("encrypted_content"));
    TIDEGATE_TRY(DecodeState(member, part, enveloped));
  }
  core::OpaqueState& state = part.state;
  if (state.empty()) {
    removed_ = id.starts_with(kOwnReasoningPrefix);
  } else if (state.origin != StateOrigin::kOpenAi || state.kind != StateKind::kRedacted ||
             (enveloped && state.id.empty())) {
    removed_ = true;
  } else if (enveloped) {
    std::string text;
    json::Writer out(text);
    out.BeginObject().Key("type").String("reasoning").Key("id").String(state.id);
    const std::optional<json::Value> summary = fields.Value(kReasoning.Index("summary"));
    out.Key("summary").Raw(summary ? summary->raw() : "[]");
    out.Key("encrypted_content").String(state.bytes).EndObject();
    request_.edits.push_back({ToCore(item.span()), texts_.Own(text)});
  } else {
    state.id = id;
  }
  Open(Role::kAssistant).parts.push_back(std::move(part));
  return {};
}

// `enveloped`: its maker may be another, or gave it another name.
Result<void> ItemDecoder::DecodeState(const json::Member& encrypted, Part& part, bool& enveloped) {
  TIDEGATE_ASSIGN(const std::string_view bytes, texts_.Keep(encrypted));
  texts_.Count(bytes.size());
  if (bytes.empty()) return {};
  const std::optional<core::OpaqueState> state =
      UnwrapState(bytes, StateOrigin::kOpenAi, StateKind::kRedacted, texts_);
  if (!state) {
    return encrypted.value.Invalid("is damaged: send it back as it came, or not at all");
  }
  part.state = *state;
  enveloped = state->bytes.data() != bytes.data();
  return {};
}

Result<void> ItemDecoder::DecodeFunctionCall(const json::Value& item) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCall, item));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kCall.Index("call_id")));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kCall.Index("name")));
  TIDEGATE_TRY(fields.Required(kCall.Index("arguments")));
  texts_.NeedVendorIfUnknown(fields);
  Part call{.kind = PartKind::kToolCall};
  TIDEGATE_ASSIGN(const std::string_view own_name, name.String());
  if (own_name.empty()) return name.Invalid("must not be empty");
  TIDEGATE_ASSIGN(const std::string_view group,
                  KeepOptional(fields, kCall.Index("namespace"), texts_));
  call.name = texts_.Own(JoinedName(group, own_name));
  TIDEGATE_ASSIGN(call.arguments, texts_.KeepCounted(*fields.Member(kCall.Index("arguments"))));
  if (!LooksLikeObject(call.arguments)) texts_.Need(Capability::kTextArguments);
  TIDEGATE_ASSIGN(const std::string_view call_id, texts_.Keep(id));
  return TakeCall(id, call_id, std::move(call));
}

Result<void> ItemDecoder::DecodeCustomCall(const json::Value& item) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCustomCall, item));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kCustomCall.Index("call_id")));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kCustomCall.Index("name")));
  TIDEGATE_ASSIGN(const json::Value input, fields.Required(kCustomCall.Index("input")));
  texts_.NeedVendorIfUnknown(fields);
  Part call{.kind = PartKind::kToolCall, .text_input = true};
  TIDEGATE_ASSIGN(const std::string_view own_name, name.String());
  if (own_name.empty()) return name.Invalid("must not be empty");
  TIDEGATE_ASSIGN(const std::string_view group,
                  KeepOptional(fields, kCustomCall.Index("namespace"), texts_));
  call.name = texts_.Own(JoinedName(group, own_name));
  TIDEGATE_ASSIGN(const std::string_view text, input.String());
  call.arguments = texts_.Own(ToArguments(text));
  texts_.Count(call.arguments.size());
  TIDEGATE_ASSIGN(const std::string_view call_id, texts_.Keep(id));
  return TakeCall(id, call_id, std::move(call));
}

Result<void> ItemDecoder::TakeCall(const json::Value& at, std::string_view id, Part call) {
  if (id.empty()) return at.Invalid("must not be empty");
  texts_.Count(id.size() + call.name.size());
  call.id = id;
  core::Message& turn = Open(Role::kAssistant);
  if (turn_ids_.size() == kToolCallsPerMessageMax) {
    return at.Invalid("is one of more than " + std::to_string(kToolCallsPerMessageMax) +
                      " calls of one turn");
  }
  if (!turn_ids_.insert(id).second) return at.Invalid("names another call of the same turn too");
  calls_[id] = {call.name, call.text_input};
  turn.parts.push_back(std::move(call));
  return {};
}

Result<void> ItemDecoder::DecodeOutput(const json::Value& item, bool custom) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kOutput, item));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kOutput.Index("call_id")));
  TIDEGATE_ASSIGN(const json::Value output, fields.Required(kOutput.Index("output")));
  texts_.NeedVendorIfUnknown(fields);
  Part result{.kind = PartKind::kToolResult, .text_input = custom};
  TIDEGATE_ASSIGN(result.id, texts_.Keep(id));
  const auto call = calls_.find(result.id);
  if (call != calls_.end()) {
    result.name = call->second.name;
  } else if (!continues_ && request_.references.empty()) {
    return id.Invalid("answers a call that does not stand before it in the conversation");
  }
  TIDEGATE_TRY(DecodeContent(output, Role::kTool, result.content));
  if (std::any_of(result.content.begin(), result.content.end(),
                  [](const Part& part) { return core::IsMedia(part.kind); })) {
    texts_.Need(Capability::kMediaInResults);
  }
  Open(Role::kTool).parts.push_back(std::move(result));
  return {};
}

Result<void> ItemDecoder::DecodeAddedTools(const json::Value& item) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kAddedTools, item));
  TIDEGATE_ASSIGN(const json::Value tools, fields.Required(kAddedTools.Index("tools")));
  texts_.NeedVendorIfUnknown(fields);
  return tools_.DecodeTools(tools);
}

}  // namespace tidegate::protocols::openai_responses
