#include "protocols/bedrock_converse/block_decoder.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/base64.h"
#include "protocols/bedrock_converse/cache_point.h"
#include "protocols/bedrock_converse/limits.h"
#include "protocols/bedrock_converse/media_formats.h"
#include "protocols/fields.h"
#include "protocols/opaque.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

using core::Capability;
using core::MediaSource;
using core::Part;
using core::PartKind;
using core::StateKind;
using core::StateOrigin;

constexpr FieldNames kMedia{std::to_array<std::string_view>({"format", "source"})};
constexpr FieldNames kDocument{
    std::to_array<std::string_view>({"format", "name", "source", "context", "citations"})};
constexpr FieldNames kCitations{std::to_array<std::string_view>({"enabled"})};
constexpr FieldNames kReasoningText{std::to_array<std::string_view>({"text", "signature"})};
constexpr FieldNames kToolUse{
    std::to_array<std::string_view>({"toolUseId", "name", "input", "type"})};
constexpr FieldNames kToolResult{
    std::to_array<std::string_view>({"toolUseId", "content", "status", "type"})};
constexpr FieldNames kCitationsContent{std::to_array<std::string_view>({"content", "citations"})};

struct BlockWord {
  std::string_view word;
  PartKind kind;
};
constexpr std::array<BlockWord, 10> kBlocks = {{{"text", PartKind::kText},
                                                {"citationsContent", PartKind::kText},
                                                {"json", PartKind::kText},
                                                {"image", PartKind::kImage},
                                                {"document", PartKind::kFile},
                                                {"video", PartKind::kVideo},
                                                {"audio", PartKind::kAudio},
                                                {"toolUse", PartKind::kToolCall},
                                                {"toolResult", PartKind::kToolResult},
                                                {"reasoningContent", PartKind::kReasoning}}};

// kVendor: it may mean something to Bedrock, and has no place in core's messages.
enum class Standing : std::uint8_t { kGood, kVendor, kWrong };

Standing StandingOf(Place place, std::string_view word, PartKind kind) {
  if (word == "json") return place == Place::kToolResult ? Standing::kGood : Standing::kWrong;
  switch (place) {
    case Place::kSystem:
      return word == "text" ? Standing::kGood : Standing::kWrong;
    case Place::kUser:
      if (word == "citationsContent") return Standing::kWrong;
      return kind == PartKind::kReasoning || kind == PartKind::kToolCall ? Standing::kWrong
                                                                         : Standing::kGood;
    case Place::kAssistant:
      if (core::IsMedia(kind) || kind == PartKind::kToolResult) return Standing::kVendor;
      return Standing::kGood;
    case Place::kToolResult:
      if (word == "citationsContent") return Standing::kWrong;
      return kind == PartKind::kText || core::IsMedia(kind) ? Standing::kGood : Standing::kWrong;
  }
  return Standing::kWrong;
}

const BlockWord* FindBlock(std::string_view word) {
  for (const BlockWord& each : kBlocks) {
    if (each.word == word) return &each;
  }
  return nullptr;
}

Capability NeedOf(PartKind kind) {
  switch (kind) {
    case PartKind::kVideo:
      return Capability::kVideo;
    case PartKind::kAudio:
      return Capability::kAudio;
    case PartKind::kFile:
      return Capability::kFiles;
    default:
      return Capability::kVision;
  }
}

}  // namespace

Result<json::Member> ReadUnion(const json::Value& value) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  std::optional<json::Member> found;
  for (const json::Member& member : object) {
    if (found) return value.Invalid("must hold one member, which says what it is");
    found = member;
  }
  if (!found) return value.Invalid("must hold a member that says what it is");
  return *found;
}

Result<void> BlockDecoder::Decode(const json::Value& content, Place place,
                                  std::vector<Part>& parts) {
  TIDEGATE_ASSIGN(const json::Array blocks, content.Array());
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
  TIDEGATE_ASSIGN(const json::Member member, ReadUnion(block));
  if (member.key == "cachePoint" && place != Place::kToolResult) {
    return DecodeMark(member.value, parts);
  }
  const BlockWord* const known = FindBlock(member.key);
  const Standing standing =
      known == nullptr ? Standing::kVendor : StandingOf(place, known->word, known->kind);
  if (standing == Standing::kWrong) {
    return member.value.Invalid("a block of this kind cannot stand here");
  }
  if (standing == Standing::kVendor) {  // guarded content, search results, and what comes next
    texts_.NeedVendor(member.value.Path());
    texts_.Count(block.raw().size());
    return {};
  }
  Part part{.kind = known->kind};
  TIDEGATE_TRY(DecodePart(member, part));
  parts.push_back(std::move(part));
  return {};
}

Result<void> BlockDecoder::DecodeText(const json::Member& member, Part& part) {
  if (member.key == "citationsContent") return DecodeCitations(member.value, part);
  if (member.key == "json") {
    part.text = member.value.raw();
    texts_.Count(part.text.size());
    return {};
  }
  TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(member));
  return {};
}

Result<void> BlockDecoder::DecodePart(const json::Member& member, Part& part) {
  switch (part.kind) {
    case PartKind::kText:
    case PartKind::kRefusal:
      return DecodeText(member, part);
    case PartKind::kFile:
      return DecodeDocument(member.value, part);
    case PartKind::kToolCall:
      return DecodeToolUse(member.value, part);
    case PartKind::kToolResult:
      return DecodeToolResult(member.value, part);
    case PartKind::kReasoning:
      return DecodeReasoning(member.value, part);
    case PartKind::kImage:
    case PartKind::kAudio:
    case PartKind::kVideo:
      return DecodeMedia(member.value, part);
  }
  return {};
}

// What stands before it is marked; without anything the whole conversation, so far, is.
Result<void> BlockDecoder::DecodeMark(const json::Value& value, std::vector<Part>& parts) {
  TIDEGATE_ASSIGN(const core::CacheMark mark, DecodeCachePoint(value));
  if (!parts.empty()) {
    parts.back().cache = mark;
  } else if (!request_.messages.empty() && !request_.messages.back().parts.empty()) {
    request_.messages.back().parts.back().cache = mark;
  }
  return {};
}

Result<void> BlockDecoder::CountMedia(const json::Value& at) {
  if (++request_.media_parts > static_cast<std::int64_t>(kMediaPartsMax)) {
    return at.Invalid("the request has more than " + std::to_string(kMediaPartsMax) +
                      " images, sounds, videos and documents");
  }
  return {};
}

Result<void> BlockDecoder::DecodeFormat(const json::Value& format, Part& part) {
  TIDEGATE_ASSIGN(const std::string_view word, format.String());
  part.media_type = MediaTypeOf(part.kind, word);
  if (part.media_type.empty()) texts_.NeedVendor(format.Path());
  return {};
}

Result<void> BlockDecoder::DecodeSource(const json::Value& source, Part& part) {
  TIDEGATE_ASSIGN(const json::Member member, ReadUnion(source));
  if (member.key == "bytes") {
    part.source = MediaSource::kBase64;
    TIDEGATE_ASSIGN(part.text, texts_.Keep(member));
    return {};
  }
  if (member.key == "text" && part.kind == PartKind::kFile) {
    TIDEGATE_ASSIGN(const std::string_view text, texts_.KeepCounted(member));
    part.source = MediaSource::kBase64;
    if (part.media_type.empty()) part.media_type = "text/plain";
    part.text = texts_.Own(EncodeBase64(text));
    return {};
  }
  // A place in S3, which only AWS can read; a document in pieces; what comes next.
  texts_.NeedVendor(member.value.Path());
  texts_.Count(source.raw().size());
  part.source = MediaSource::kFileId;
  return {};
}

Result<void> BlockDecoder::DecodeMedia(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kMedia, block));
  TIDEGATE_ASSIGN(const json::Value format, fields.Required(kMedia.Index("format")));
  TIDEGATE_ASSIGN(const json::Value source, fields.Required(kMedia.Index("source")));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(NeedOf(part.kind));
  TIDEGATE_TRY(DecodeFormat(format, part));
  TIDEGATE_TRY(DecodeSource(source, part));
  return CountMedia(block);
}

Result<void> BlockDecoder::DecodeDocument(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kDocument, block));
  TIDEGATE_ASSIGN(const json::Value source, fields.Required(kDocument.Index("source")));
  TIDEGATE_TRY(fields.Required(kDocument.Index("name")));
  texts_.NeedVendorIfUnknown(fields);
  texts_.Need(Capability::kFiles);
  if (const std::optional<json::Value> format = fields.Value(kDocument.Index("format"))) {
    TIDEGATE_TRY(DecodeFormat(*format, part));
  }
  TIDEGATE_TRY(DecodeSource(source, part));
  TIDEGATE_ASSIGN(part.name, texts_.KeepCounted(*fields.Member(kDocument.Index("name"))));
  if (const std::optional<json::Value> context = fields.Value(kDocument.Index("context"))) {
    texts_.NeedVendor(context->Path());
    texts_.Count(context->raw().size());
  }
  if (const std::optional<json::Value> citations = fields.Value(kDocument.Index("citations"))) {
    TIDEGATE_ASSIGN(const auto members, ReadFields(kCitations, *citations));
    TIDEGATE_ASSIGN(const json::Value enabled, members.Required(kCitations.Index("enabled")));
    TIDEGATE_ASSIGN(const bool wanted, enabled.Bool());
    texts_.NeedVendorIfUnknown(members);
    if (wanted) texts_.Need(Capability::kCitations);
  }
  return CountMedia(block);
}

Result<void> BlockDecoder::DecodeReasoning(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const json::Member member, ReadUnion(block));
  if (member.key == "reasoningText") return DecodeReasoningText(member.value, part);
  if (member.key != "redactedContent") {
    texts_.NeedVendor(member.value.Path());
    texts_.Count(block.raw().size());
    return {};
  }
  TIDEGATE_ASSIGN(const std::string_view bytes, texts_.KeepCounted(member));
  const std::optional<core::OpaqueState> state =
      UnwrapState(bytes, StateOrigin::kAnthropic, StateKind::kRedacted, texts_);
  if (!state) return member.value.Invalid("is damaged: send it back as it came, or not at all");
  part.state = *state;
  return {};
}

Result<void> BlockDecoder::DecodeReasoningText(const json::Value& value, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kReasoningText, value));
  TIDEGATE_TRY(fields.Required(kReasoningText.Index("text")));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*fields.Member(kReasoningText.Index("text"))));
  if (!fields.Value(kReasoningText.Index("signature"))) return {};
  const json::Member member = *fields.Member(kReasoningText.Index("signature"));
  TIDEGATE_ASSIGN(const std::string_view signature, texts_.KeepCounted(member));
  if (signature.empty()) return {};  // a thought of a model that signs nothing
  const std::optional<core::OpaqueState> state =
      UnwrapState(signature, StateOrigin::kAnthropic, StateKind::kSignature, texts_);
  if (!state) return member.value.Invalid("is damaged: send it back as it came, or not at all");
  part.state = *state;
  return {};
}

Result<void> BlockDecoder::DecodeToolUse(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kToolUse, block));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kToolUse.Index("toolUseId")));
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kToolUse.Index("name")));
  TIDEGATE_ASSIGN(const json::Value input, fields.Required(kToolUse.Index("input")));
  texts_.NeedVendorIfUnknown(fields);
  if (const std::optional<json::Value> type = fields.Value(kToolUse.Index("type"))) {
    texts_.NeedVendor(type->Path());  // a call that Bedrock made itself
  }
  TIDEGATE_ASSIGN(part.id, texts_.KeepCounted(*fields.Member(kToolUse.Index("toolUseId"))));
  TIDEGATE_ASSIGN(part.name, texts_.KeepCounted(*fields.Member(kToolUse.Index("name"))));
  if (part.id.empty()) return id.Invalid("must not be empty");
  if (part.name.empty()) return name.Invalid("must not be empty");
  if (!input.is_object()) return input.Mismatch("an object");
  part.arguments = input.raw();
  texts_.Count(part.arguments.size());
  if (!ids_.insert(part.id).second) return id.Invalid("names another toolUse of the message too");
  calls_[part.id] = part.name;
  return {};
}

Result<void> BlockDecoder::DecodeToolResult(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kToolResult, block));
  TIDEGATE_ASSIGN(const json::Value id, fields.Required(kToolResult.Index("toolUseId")));
  TIDEGATE_ASSIGN(const json::Value content, fields.Required(kToolResult.Index("content")));
  texts_.NeedVendorIfUnknown(fields);
  if (const std::optional<json::Value> type = fields.Value(kToolResult.Index("type"))) {
    texts_.NeedVendor(type->Path());
  }
  TIDEGATE_ASSIGN(part.id, texts_.Keep(*fields.Member(kToolResult.Index("toolUseId"))));
  const auto call = calls_.find(part.id);
  if (call == calls_.end()) {
    return id.Invalid("answers a toolUse that no assistant message before it made");
  }
  part.name = call->second;
  if (const std::optional<json::Value> status = fields.Value(kToolResult.Index("status"))) {
    TIDEGATE_ASSIGN(const std::string_view word, status->String());
    if (word != "success" && word != "error") {
      return status->Invalid("must be 'success' or 'error'");
    }
    part.is_error = word == "error";
  }
  TIDEGATE_TRY(Decode(content, Place::kToolResult, part.content));
  for (const Part& inner : part.content) {
    if (core::IsMedia(inner.kind)) texts_.Need(Capability::kMediaInResults);
  }
  return {};
}

// Citations of an earlier answer say where its text came from; they are not part of it.
Result<void> BlockDecoder::DecodeCitations(const json::Value& block, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kCitationsContent, block));
  texts_.NeedVendorIfUnknown(fields);
  if (const std::optional<json::Value> notes = fields.Value(kCitationsContent.Index("citations"))) {
    TIDEGATE_TRY(notes->Array());
  }
  const std::optional<json::Value> content = fields.Value(kCitationsContent.Index("content"));
  if (!content) return {};
  TIDEGATE_ASSIGN(const json::Array pieces, content->Array());
  std::string joined;
  for (const json::Value piece : pieces) {
    TIDEGATE_ASSIGN(const json::Member member, ReadUnion(piece));
    if (member.key != "text") {
      texts_.NeedVendor(member.value.Path());
      continue;
    }
    TIDEGATE_ASSIGN(const std::string_view text, member.value.String());
    joined += text;
  }
  texts_.Count(joined.size());
  part.text = texts_.Own(joined);
  return {};
}

}  // namespace tidegate::protocols::bedrock_converse
