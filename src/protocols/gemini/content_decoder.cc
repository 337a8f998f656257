#include "protocols/gemini/content_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "protocols/gemini/limits.h"
#include "protocols/gemini/proto_fields.h"
#include "protocols/gemini/signatures.h"
#include "protocols/media.h"

namespace tidegate::protocols::gemini {
namespace {

using core::Capability;
using core::MediaSource;
using core::Part;
using core::PartKind;

constexpr FieldNames kContent{std::to_array<std::string_view>({"role", "parts"})};
constexpr FieldNames kPart{std::to_array<std::string_view>(
    {"text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall",
     "functionResponse", "mediaResolution"})};
constexpr FieldNames kBlob{std::to_array<std::string_view>({"mimeType", "data", "displayName"})};
constexpr FieldNames kFileData{
    std::to_array<std::string_view>({"mimeType", "fileUri", "displayName"})};
constexpr FieldNames kCall{std::to_array<std::string_view>({"id", "name", "args"})};
constexpr FieldNames kResult{std::to_array<std::string_view>({"id", "name", "response", "parts"})};
constexpr FieldNames kResolution{std::to_array<std::string_view>({"level"})};

struct MediaWord {
  std::string_view prefix;
  PartKind kind;
  Capability need;
};
constexpr std::array<MediaWord, 3> kMedia = {{{"image/", PartKind::kImage, Capability::kVision},
                                              {"audio/", PartKind::kAudio, Capability::kAudio},
                                              {"video/", PartKind::kVideo, Capability::kVideo}}};
constexpr MediaWord kDocument = {"", PartKind::kFile, Capability::kFiles};

const MediaWord& MediaOf(std::string_view type) {
  for (const MediaWord& word : kMedia) {
    if (type.starts_with(word.prefix)) return word;
  }
  return kDocument;
}

// A name that only Google can resolve: of its file service, its storage, its videos.
bool IsGooglesOwn(std::string_view uri) {
  const bool web = uri.starts_with("https://") || uri.starts_with("http://");
  if (!web) return true;
  const std::string_view host = uri.substr(uri.find("//") + 2);
  constexpr std::array<std::string_view, 4> kHosts = {
      "generativelanguage.googleapis.com/", "www.youtube.com/", "youtube.com/", "youtu.be/"};
  return std::any_of(kHosts.begin(), kHosts.end(),
                     [host](std::string_view name) { return host.starts_with(name); });
}

}  // namespace

Result<void> ContentDecoder::DecodeSystem(const json::Value& content) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kContent, content));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(const json::Value parts, fields.Required(kContent.Index("parts")));
  core::Message message{.role = core::Role::kSystem, .parts = {}, .name = {}};
  TIDEGATE_TRY(DecodeParts(parts, Place::kSystem, message));
  if (!message.parts.empty()) request_.messages.push_back(std::move(message));
  return {};
}

Result<void> ContentDecoder::DecodeTurn(const json::Value& content) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kContent, content));
  texts_.NeedVendorIfUnknown(fields);
  Place place = Place::kUser;
  if (const std::optional<json::Value> role = fields.Value(kContent.Index("role"))) {
    TIDEGATE_ASSIGN(const std::string_view word, role->String());
    if (word == "model") {
      place = Place::kModel;
    } else if (word != "user" && word != "function" && !word.empty()) {
      return role->Invalid("must be 'user' or 'model'");
    }
  }
  TIDEGATE_ASSIGN(const json::Value parts, fields.Required(kContent.Index("parts")));
  const bool by_model = place == Place::kModel;
  const bool goes_on = by_model && !request_.messages.empty() &&
                       request_.messages.back().role == core::Role::kAssistant;
  if (!goes_on) {
    if (request_.messages.size() >= kMessagesMax) {
      return content.Invalid("the request has more than " + std::to_string(kMessagesMax) +
                             " turns");
    }
    core::Message& message = request_.messages.emplace_back();
    message.role = by_model ? core::Role::kAssistant : core::Role::kUser;
    ids_of_turn_.clear();
    growing_ = nullptr;
  }
  return DecodeParts(parts, place, request_.messages.back());
}

Result<void> ContentDecoder::DecodeParts(const json::Value& parts, Place place,
                                         core::Message& message) {
  return ForEachOf(parts, [&](const json::Value& part) -> Result<void> {
    if (message.parts.size() >= kPartsPerMessageMax) {
      return parts.Invalid("has more than " + std::to_string(kPartsPerMessageMax) + " parts");
    }
    return DecodePart(part, place, message.parts);
  });
}

Result<void> ContentDecoder::DecodePart(const json::Value& value, Place place,
                                        std::vector<Part>& parts) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kPart, value));
  constexpr std::array<std::size_t, 5> kData = {
      kPart.Index("text"), kPart.Index("inlineData"), kPart.Index("fileData"),
      kPart.Index("functionCall"), kPart.Index("functionResponse")};
  const auto set = std::count_if(kData.begin(), kData.end(),
                                 [&](std::size_t i) { return fields.Value(i).has_value(); });
  if (set > 1) return value.Invalid("holds more than one kind of data; make it two parts");
  texts_.NeedVendorIfUnknown(fields);
  if (fields.has_unknown()) texts_.Count(value.raw().size());
  const auto call = fields.Value(kPart.Index("functionCall"));
  const auto result = fields.Value(kPart.Index("functionResponse"));
  const bool media = fields.Value(kPart.Index("inlineData")).has_value() ||
                     fields.Value(kPart.Index("fileData")).has_value();
  if (place == Place::kSystem && (media || call || result)) {
    return value.Invalid("only text can stand in a system instruction");
  }
  if (call && place != Place::kModel) return call->Invalid("only the model calls functions");
  if (result && place != Place::kUser) return result->Invalid("only the user answers a call");
  if (set == 0 || fields.Value(kPart.Index("text"))) {
    // Code that Google runs and its like: the vendor's field is noted, and it is no text.
    if (set == 0 && fields.has_unknown()) return {};
    return DecodeText(fields, place, parts);
  }
  Part part;
  TIDEGATE_ASSIGN(part.state, DecodeSignature(fields, false));
  if (call) {
    TIDEGATE_TRY(DecodeCall(*call, part));
  } else if (result) {
    TIDEGATE_TRY(DecodeResult(*result, part));
  } else {
    TIDEGATE_TRY(DecodeMedia(fields, place, part));
  }
  growing_ = nullptr;
  parts.push_back(std::move(part));
  return {};
}

template <typename FieldsOf>
Result<core::OpaqueState> ContentDecoder::DecodeSignature(const FieldsOf& fields, bool of_thought) {
  if (!fields.Value(kPart.Index("thoughtSignature"))) return core::OpaqueState();
  const json::Member member = *fields.Member(kPart.Index("thoughtSignature"));
  TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(member));
  texts_.Count(text.size());
  const std::optional<core::OpaqueState> state = ReadSignature(text, of_thought, texts_);
  if (!state) return member.value.Invalid("is damaged: send it back as it came, or not at all");
  // What another provider made must not reach Google.
  if (!state->empty() && state->origin != core::StateOrigin::kGemini) {
    request_.has_optional_fields = true;
  }
  return *state;
}

template <typename FieldsOf>
Result<void> ContentDecoder::DecodeText(const FieldsOf& fields, Place place,
                                        std::vector<Part>& parts) {
  Part part;
  if (const std::optional<json::Value> thought = fields.Value(kPart.Index("thought"))) {
    TIDEGATE_ASSIGN(const bool is_thought, thought->Bool());
    if (is_thought && place != Place::kModel) return thought->Invalid("only the model thinks");
    if (is_thought) part.kind = PartKind::kReasoning;
  }
  TIDEGATE_ASSIGN(part.state, DecodeSignature(fields, part.kind == PartKind::kReasoning));
  const auto& text = fields.Member(kPart.Index("text"));
  if (text && !text->value.is_null()) {
    TIDEGATE_ASSIGN(part.text, texts_.KeepCounted(*text));
  } else if (part.state.empty() && part.kind == PartKind::kText) {
    return fields.object().value().Invalid(
        "must hold one of text, inlineData, fileData, functionCall, functionResponse");
  }
  AddText(parts, std::move(part), place);
  return {};
}

void ContentDecoder::AddText(std::vector<Part>& parts, Part part, Place place) {
  if (place != Place::kModel) {
    parts.push_back(std::move(part));
    return;
  }
  if (part.text.empty() && part.state.empty()) return;  // how streams end
  // A signature that stands alone belongs to no text that other targets could be sent.
  if (part.text.empty()) part.kind = PartKind::kReasoning;
  const bool signs_last = part.state.empty() || part.state.kind == core::StateKind::kSignature;
  const bool goes_on =
      !parts.empty() && parts.back().kind == part.kind && parts.back().state.empty() && signs_last;
  if (!goes_on) {
    growing_ = nullptr;
    parts.push_back(std::move(part));
    return;
  }
  Part& last = parts.back();
  if (!part.text.empty()) {
    if (growing_ == nullptr) growing_ = &request_.arena.emplace_back(last.text);
    *growing_ += part.text;
    last.text = *growing_;
  }
  last.state = part.state;
}

template <typename FieldsOf>
Result<void> ContentDecoder::DecodeMedia(const FieldsOf& fields, Place place, Part& part) {
  if (const auto blob = fields.Value(kPart.Index("inlineData"))) {
    TIDEGATE_TRY(DecodeBlob(*blob, part));
  } else {
    TIDEGATE_TRY(DecodeFileData(*fields.Value(kPart.Index("fileData")), part));
  }
  const json::Value at = fields.object().value();
  if (place == Place::kModel) texts_.NeedVendor(at.Path());  // media that the model made
  if (++request_.media_parts > static_cast<std::int64_t>(kMediaPartsMax)) {
    return at.Invalid("the request has more than " + std::to_string(kMediaPartsMax) +
                      " images and files");
  }
  const auto resolution = fields.Value(kPart.Index("mediaResolution"));
  if (!resolution) return {};
  TIDEGATE_ASSIGN(const auto members, ReadProto(kResolution, *resolution));
  texts_.NeedVendorIfUnknown(members);
  const auto level = members.Value(kResolution.Index("level"));
  if (!level) return {};
  TIDEGATE_ASSIGN(const std::string_view word, level->String());
  if (word == "MEDIA_RESOLUTION_LOW") part.detail = "low";
  if (word == "MEDIA_RESOLUTION_HIGH") part.detail = "high";
  return {};
}

Result<void> ContentDecoder::DecodeMediaType(const json::Member& member, Part& part) {
  TIDEGATE_ASSIGN(part.media_type, texts_.Keep(member));
  if (part.media_type.empty()) return member.value.Invalid("must not be empty");
  const MediaWord& media = MediaOf(part.media_type);
  part.kind = media.kind;
  texts_.Need(media.need);
  return {};
}

Result<void> ContentDecoder::DecodeBlob(const json::Value& blob, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kBlob, blob));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_TRY(fields.Required(kBlob.Index("mimeType")));
  TIDEGATE_TRY(fields.Required(kBlob.Index("data")));
  TIDEGATE_TRY(DecodeMediaType(*fields.Member(kBlob.Index("mimeType")), part));
  TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kBlob.Index("data"))));
  if (!IsPlainBase64(part.text)) part.text = texts_.Own(ToPlainBase64(part.text));
  part.source = MediaSource::kBase64;
  if (fields.Value(kBlob.Index("displayName"))) {
    TIDEGATE_ASSIGN(part.name, texts_.KeepCounted(*fields.Member(kBlob.Index("displayName"))));
  }
  return {};
}

Result<void> ContentDecoder::DecodeFileData(const json::Value& data, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kFileData, data));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(const json::Value uri, fields.Required(kFileData.Index("fileUri")));
  part.kind = PartKind::kFile;
  if (fields.Value(kFileData.Index("mimeType"))) {
    TIDEGATE_TRY(DecodeMediaType(*fields.Member(kFileData.Index("mimeType")), part));
  } else {  // whoever fetches it will see what it is; nobody else can be sent it
    texts_.NeedVendor(uri.Path());
  }
  TIDEGATE_ASSIGN(part.text, texts_.Keep(*fields.Member(kFileData.Index("fileUri"))));
  if (part.text.empty()) return uri.Invalid("must not be empty");
  if (part.text.starts_with("file:") || part.text.starts_with("data:")) {
    return uri.Invalid("must be an https:, gs: or Files API address; bytes go into inlineData");
  }
  if (IsGooglesOwn(part.text)) {
    part.source = MediaSource::kFileId;
    texts_.NeedVendor(uri.Path());
  } else {
    part.source = MediaSource::kUrl;
    texts_.Need(Capability::kMediaUrl);
  }
  if (fields.Value(kFileData.Index("displayName"))) {
    TIDEGATE_ASSIGN(part.name, texts_.KeepCounted(*fields.Member(kFileData.Index("displayName"))));
  }
  return {};
}

// The same history gets the same ids each time, however long it grows.
std::string_view ContentDecoder::MakeCallId() {
  std::string id = "call_" + std::to_string(calls_.size());
  while (by_id_.contains(id)) id += '_';
  return texts_.Own(id);
}

Result<void> ContentDecoder::DecodeCall(const json::Value& value, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kCall, value));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kCall.Index("name")));
  part.kind = PartKind::kToolCall;
  TIDEGATE_ASSIGN(part.name, texts_.KeepCounted(*fields.Member(kCall.Index("name"))));
  if (part.name.empty()) return name.Invalid("must not be empty");
  const auto id = fields.Value(kCall.Index("id"));
  if (id) {
    TIDEGATE_ASSIGN(part.id, texts_.KeepCounted(*fields.Member(kCall.Index("id"))));
  }
  if (!part.id.empty()) {
    request_.has_optional_fields = true;  // Vertex knows no ids
    if (!ids_of_turn_.insert(part.id).second) return id->Invalid("names another call too");
  } else {
    part.id = MakeCallId();
  }
  if (const std::optional<json::Value> args = fields.Value(kCall.Index("args"))) {
    if (!args->is_object()) return args->Mismatch("an object");
    part.arguments = args->raw();
    texts_.Count(part.arguments.size());
  } else {
    part.arguments = "{}";
  }
  by_id_[part.id] = calls_.size();
  unanswered_[part.name].push_back(calls_.size());
  calls_.push_back(Call{part.id, part.name});
  return {};
}

// Without an id the calls of one name are answered in the order in which they stand.
ContentDecoder::Call* ContentDecoder::FindCall(std::string_view id, std::string_view name) {
  if (const auto found = by_id_.find(id); !id.empty() && found != by_id_.end()) {
    return &calls_[found->second];
  }
  const auto found = unanswered_.find(name);
  if (found == unanswered_.end()) return nullptr;
  std::deque<std::size_t>& waiting = found->second;
  while (!waiting.empty() && calls_[waiting.front()].answered) waiting.pop_front();
  return waiting.empty() ? nullptr : &calls_[waiting.front()];
}

Result<void> ContentDecoder::DecodeResult(const json::Value& value, Part& part) {
  TIDEGATE_ASSIGN(const auto fields, ReadProto(kResult, value));
  texts_.NeedVendorIfUnknown(fields);
  TIDEGATE_ASSIGN(const json::Value name, fields.Required(kResult.Index("name")));
  TIDEGATE_ASSIGN(const json::Value response, fields.Required(kResult.Index("response")));
  part.kind = PartKind::kToolResult;
  TIDEGATE_ASSIGN(part.name, texts_.Keep(*fields.Member(kResult.Index("name"))));
  std::string_view id;
  if (fields.Value(kResult.Index("id"))) {
    TIDEGATE_ASSIGN(id, texts_.Keep(*fields.Member(kResult.Index("id"))));
    if (!id.empty()) request_.has_optional_fields = true;
  }
  Call* const call = FindCall(id, part.name);
  if (call == nullptr) return name.Invalid("answers no functionCall that stands before it");
  call->answered = true;
  part.id = call->id;
  part.name = call->name;
  TIDEGATE_TRY(DecodeResponse(response, part));
  const std::optional<json::Value> media = fields.Value(kResult.Index("parts"));
  if (!media) return {};
  return ForEachOf(*media, [&](const json::Value& each) -> Result<void> {
    if (part.content.size() >= kPartsPerMessageMax) return media->Invalid("has too many parts");
    TIDEGATE_ASSIGN(const auto members, ReadProto(kPart, each));
    texts_.NeedVendorIfUnknown(members);
    if (!members.Value(kPart.Index("inlineData")) && !members.Value(kPart.Index("fileData"))) {
      return each.Invalid("must hold inlineData or fileData");
    }
    texts_.Need(Capability::kMediaInResults);
    Part inner;
    TIDEGATE_TRY(DecodeMedia(members, Place::kResult, inner));
    part.content.push_back(std::move(inner));
    return {};
  });
}

// {"output": "text"} and {"error": "text"} are the API's words for a result and a failure; any
// other object is the result itself.
Result<void> ContentDecoder::DecodeResponse(const json::Value& response, Part& part) {
  TIDEGATE_ASSIGN(const json::Object object, response.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  Part text;
  std::optional<json::Member> only;
  std::size_t count = 0;
  for (const json::Member& member : object) {
    only = member;
    ++count;
  }
  const bool failed = count == 1 && only->key == "error";
  const bool told = failed || (count == 1 && only->key == "output");
  part.is_error = failed;
  if (told && only->value.is_string()) {
    TIDEGATE_ASSIGN(text.text, texts_.KeepCounted(*only));
  } else {
    text.text = failed ? only->value.raw() : response.raw();
    texts_.Count(text.text.size());
  }
  part.content.push_back(std::move(text));
  return {};
}

}  // namespace tidegate::protocols::gemini
