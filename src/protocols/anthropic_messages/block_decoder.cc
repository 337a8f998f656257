#include "protocols/anthropic_messages/block_decoder.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/base64.h"
#include "protocols/anthropic_messages/limits.h"
#include "protocols/cache_control.h"
#include "protocols/fields.h"
#include "protocols/media.h"
#include "protocols/opaque.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

using core::Capability;
using core::MediaSource;
using core::Part;
using core::PartKind;
using core::StateKind;
using core::StateOrigin;

constexpr FieldNames kText{
    std::to_array<std::string_view>({"type", "text", "cache_control", "citations"})};
constexpr FieldNames kImage{std::to_array<std::string_view>({"type", "source", "cache_control"})};
constexpr FieldNames kDocument{std::to_array<std::string_view>(
    {"type", "source", "cache_control", "title", "context", "citations"})};
constexpr FieldNames kSource{
    std::to_array<std::string_view>({"type", "media_type", "data", "url", "file_id", "content"})};
constexpr FieldNames kCitations{std::to_array<std::string_view>({"enabled"})};
constexpr FieldNames kThinking{std::to_array<std::string_view>({"type", "thinking", "signature"})};
constexpr FieldNames kRedacted{std::to_array<std::string_view>({"type", "data"})};
constexpr FieldNames kToolUse{
    std::to_array<std::string_view>({"type", "id", "name", "input", "cache_control", "caller"})};
constexpr FieldNames kToolResult{std::to_array<std::string_view>(
    {"type", "tool_use_id", "content", "is_error", "cache_control"})};

struct BlockWord {
  std::string_view word;
  PartKind kind;
};
constexpr std::array<BlockWord, 7> kBlocks = {{{"text", PartKind::kText},
                                               {"image", PartKind::kImage},
                                               {"document", PartKind::kFile},
                                               {"thinking", PartKind::kReasoning},
                                               {"redacted_thinking", PartKind::kReasoning},
                                               {"tool_use", PartKind::kToolCall},
                                               {"tool_result", PartKind::kToolResult}}};

bool MayHold(Place place, PartKind kind) {
  switch (place) {
    case Place::kSystem:
      return kind == PartKind::kText;
    case Place::kUser:
      return kind != PartKind::kReasoning && kind != PartKind::kToolCall;
    case Place::kAssistant:
      return kind == PartKind::kText || kind == PartKind::kReasoning || kind == PartKind::kToolCall;
    case Place::kToolResult:
      return kind == PartKind::kText || kind == PartKind::kImage || kind == PartKind::kFile;
  }
  return false;
}

}  // namespace

Result<void> BlockDecoder::Decode(const json::Value& content, Place place,
                                  std::vector<Part>& parts) {
  if (content.is_string()) {
    Part part;
    TIDEGATE_ASSIGN(part.text, texts_.Keep(content));
    texts_.Count(part.text.size());
    parts.push_back(std::move(part));
    return {};
  }
  if (!content.is_array()) return content.Mismatch("a string or an array of blocks");
  const json::Array blocks = *content.Array();
  for (const json::Value block : blocks) {
    if (parts.size() >= kPartsPerMessageMax) {
      return content.Invalid("has more than " + std::to_string(kPartsPerMessageMax) + " blocks");
    }
    TIDEGATE_TRY(DecodeBlock(block, place, parts));
  }
  return {};
}

Result<void> BlockDecoder::DecodeBlock(const json::Value& block, Place place,
                                       std::vector<Part>& parts) {
  TIDEGATE_ASSIGN(const json::Object object, block.Object());
  TIDEGATE_ASSIGN(const json::Value type, object.Get("type"));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  const BlockWord* known = nullptr;
  for (const BlockWord& each : kBlocks) {
    if (each.word == word) known = &each;
  }
  if (known == nullptr) {  // tools that the vendor runs, search results, and what comes next
    if (word.empty()) return type.Invalid("must not be empty");
    TIDEGATE_TRY(object.RequireUniqueKeys());
    texts_.NeedVendor(type.Path());
    texts_.Count(block.raw().size());
    return {};
  }
  if (!MayHold(place, known->kind)) {
    return type.Invalid("a block of type '" + std::string(word) + "' cannot stand here");
  }
  Part part{.kind = known->kind};
  switch (known->kind) {
    case PartKind::kText:
      TIDEGATE_TRY(DecodeText(block, part));
      break;
    case PartKind::kImage:
      TIDEGATE_TRY(DecodeImage(block, part));
      break;
    case PartKind::kFile:
      TIDEGATE_TRY(DecodeDocument(block, part));
      break;
    case PartKind::kToolCall:
      TIDEGATE_TRY(DecodeToolUse(block, part));
      break;
    case PartKind::kToolResult:
      TIDEGATE_TRY(DecodeToolResult(block, part));
      break;
    default:
      if (word == "thinking") {
        TIDEGATE_TRY(DecodeThinking(block, part));
      } else {
        TIDEGATE_TRY(DecodeRedactedThinking(block, part));
      }
  }
  parts.push_back(std::move(part));
  return {};
}

template <typename FieldsOf>
Result<void> BlockDecoder::DecodeMark(const FieldsOf& fields, std::size_t index, Part& part) {
  const std::optional<json::Value> mark = fields.Value(index);
  if (!mark) return {};
  TIDEGATE_ASSIGN(part.cache, DecodeCacheControl(*mark));
  return {};
}

Result<void> BlockDecoder::CountMedia(const json::Value& at) {
  if (++request_.media_parts > static_cast<std::int64_t>(kMediaPartsMax)) {
    return at.Invalid("the request has more than " + std::to_string(kMediaPartsMax) +
                      " images and documents");
  }
  return {};
}

Result<void> BlockDecoder::DecodeText(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kText, block));
  TIDEGATE_TRY(fields.Required(kText.Index("text")));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*fields.Member(kText.Index("text"))));
  // Citations of an earlier answer say where its text came from; they are not part of it.
  if (const std::optional<json::Value> notes = fields.Value(kText.Index("citations"))) {
    TIDEGATE_TRY(notes->Array());
  }
  return DecodeMark(fields, kText.Index("cache_control"), part);
}

Result<void> BlockDecoder::DecodeSource(const json::Value& source, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kSource, source));
  TIDEGATE_ASSIGN(const json::Value type, fields.Required(kSource.Index("type")));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  texts_.NeedVendorIfUnknown(fields);
  if (word == "base64") {
    TIDEGATE_TRY(fields.Required(kSource.Index("media_type")));
    TIDEGATE_TRY(fields.Required(kSource.Index("data")));
    part.source = MediaSource::kBase64;
    TIDEGATE_ASSIGN(part.media_type, texts_.Keep(*fields.Member(kSource.Index("media_type"))));
    TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kSource.Index("data"))));
    return {};
  }
  if (word == "url") {
    TIDEGATE_ASSIGN(const json::Value url, fields.Required(kSource.Index("url")));
    TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(*fields.Member(kSource.Index("url"))));
    texts_.Need(Capability::kMediaUrl);
    TIDEGATE_TRY(ReadMediaUrl(url, text, part));
    if (part.source != MediaSource::kUrl) return url.Invalid("must be an http(s) URL");
    return {};
  }
  if (word == "text") {
    TIDEGATE_TRY(fields.Required(kSource.Index("data")));
    TIDEGATE_ASSIGN(const std::string_view text,
                    texts_.KeepCounted(*fields.Member(kSource.Index("data"))));
    part.source = MediaSource::kBase64;
    part.media_type = "text/plain";
    part.text = texts_.Own(EncodeBase64(text));
    return {};
  }
  if (word == "file" || word == "content") {
    texts_.NeedVendor(type.Path());
    texts_.Count(source.raw().size());
    part.source = MediaSource::kFileId;
    if (fields.Value(kSource.Index("file_id"))) {
      TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kSource.Index("file_id"))));
    }
    return {};
  }
  return type.Invalid("must be one of 'base64', 'url', 'text', 'file', 'content'");
}

Result<void> BlockDecoder::DecodeImage(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kImage, block));
  TIDEGATE_ASSIGN(const json::Value source, fields.Required(kImage.Index("source")));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(Capability::kVision);
  TIDEGATE_TRY(DecodeSource(source, part));
  TIDEGATE_TRY(CountMedia(block));
  return DecodeMark(fields, kImage.Index("cache_control"), part);
}

Result<void> BlockDecoder::DecodeDocument(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kDocument, block));
  TIDEGATE_ASSIGN(const json::Value source, fields.Required(kDocument.Index("source")));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(Capability::kFiles);
  TIDEGATE_TRY(DecodeSource(source, part));
  if (fields.Value(kDocument.Index("title"))) {
    TIDEGATE_ASSIGN(part.name, texts_.KeepCounted(*fields.Member(kDocument.Index("title"))));
  }
  if (const std::optional<json::Value> context = fields.Value(kDocument.Index("context"))) {
    texts_.NeedVendor(context->Path());
    texts_.Count(context->raw().size());
  }
  if (const std::optional<json::Value> citations = fields.Value(kDocument.Index("citations"))) {
    TIDEGATE_ASSIGN(const auto members, ReadFields(kCitations, *citations));
    if (const std::optional<json::Value> enabled = members.Value(kCitations.Index("enabled"))) {
      TIDEGATE_ASSIGN(const bool wanted, enabled->Bool());
      if (wanted) texts_.Need(Capability::kCitations);
    }
  }
  TIDEGATE_TRY(CountMedia(block));
  return DecodeMark(fields, kDocument.Index("cache_control"), part);
}

Result<void> BlockDecoder::DecodeThinking(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kThinking, block));
  TIDEGATE_TRY(fields.Required(kThinking.Index("thinking")));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*fields.Member(kThinking.Index("thinking"))));
  if (!fields.Value(kThinking.Index("signature"))) return {};
  const json::Member member = *fields.Member(kThinking.Index("signature"));
  TIDEGATE_ASSIGN(const std::string_view signature, texts_.Keep(member));
  texts_.Count(signature.size());
  if (signature.empty()) return {};  // a thought of a model that signs nothing
  const std::optional<core::OpaqueState> state =
      UnwrapState(signature, StateOrigin::kAnthropic, StateKind::kSignature, texts_);
  if (!state) return member.value.Invalid("is damaged: send it back as it came, or not at all");
  part.state = *state;
  return {};
}

Result<void> BlockDecoder::DecodeRedactedThinking(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kRedacted, block));
  TIDEGATE_ASSIGN(const json::Value data, fields.Required(kRedacted.Index("data")));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(const std::string_view bytes,
                  texts_.Keep(*fields.Member(kRedacted.Index("data"))));
  texts_.Count(bytes.size());
  const std::optional<core::OpaqueState> state =
      UnwrapState(bytes, StateOrigin::kAnthropic, StateKind::kRedacted, texts_);
  if (!state) return data.Invalid("is damaged: send it back as it came, or not at all");
  part.state = *state;
  return {};
}

Result<void> BlockDecoder::DecodeToolUse(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kToolUse, block));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kToolUse.Index("id")));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kToolUse.Index("name")));
  TIDEGATE_ASSIGN(const json::Value input, fields.Required(kToolUse.Index("input")));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(part.id, texts_.KeepCounted(*fields.Member(kToolUse.Index("id"))));
  TIDEGATE_ASSIGN(part.name, texts_.KeepCounted(*fields.Member(kToolUse.Index("name"))));
  if (part.id.empty()) return id.Invalid("must not be empty");
  if (part.name.empty()) return name.Invalid("must not be empty");
  if (!input.is_object()) return input.Mismatch("an object");
  part.arguments = input.raw();
  texts_.Count(part.arguments.size());
  if (!ids_.insert(part.id).second) return id.Invalid("names another tool_use of the message too");
  calls_[part.id] = part.name;
  return DecodeMark(fields, kToolUse.Index("cache_control"), part);
}

Result<void> BlockDecoder::DecodeToolResult(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kToolResult, block));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kToolResult.Index("tool_use_id")));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(part.id, texts_.Keep(*fields.Member(kToolResult.Index("tool_use_id"))));
  const auto call = calls_.find(part.id);
  if (call == calls_.end()) {
    return id.Invalid("answers a tool_use that no assistant message before it made");
  }
  part.name = call->second;
  if (const std::optional<json::Value> failed = fields.Value(kToolResult.Index("is_error"))) {
    TIDEGATE_ASSIGN(part.is_error, failed->Bool());
  }
  if (const std::optional<json::Value> content = fields.Value(kToolResult.Index("content"))) {
    TIDEGATE_TRY(Decode(*content, Place::kToolResult, part.content));
  }
  for (const Part& inner : part.content) {
    if (core::IsMedia(inner.kind)) texts_.Need(Capability::kMediaInResults);
  }
  return DecodeMark(fields, kToolResult.Index("cache_control"), part);
}

}  // namespace tidegate::protocols::anthropic_messages
