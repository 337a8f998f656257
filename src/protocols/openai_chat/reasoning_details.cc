#include "protocols/openai_chat/reasoning_details.h"

#include <array>
#include <optional>
#include <string>

#include "protocols/fields.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"

namespace tidegate::protocols::openai_chat {
namespace {

using core::StateKind;
using core::StateOrigin;

constexpr FieldNames kDetail{std::to_array<std::string_view>(
    {"type", "text", "summary", "data", "signature", "format", "id", "index"})};
constexpr FieldNames kExtra{std::to_array<std::string_view>({"google"})};
constexpr FieldNames kGoogle{std::to_array<std::string_view>({"thought_signature"})};

struct Format {
  std::string_view word;
  StateOrigin origin;
};
constexpr std::array<Format, 3> kFormats = {{{"anthropic-claude-v1", StateOrigin::kAnthropic},
                                             {"openai-responses-v1", StateOrigin::kOpenAi},
                                             {"google-gemini-v1", StateOrigin::kGemini}}};

StateOrigin OriginOf(std::string_view format) {
  for (const Format& known : kFormats) {
    if (known.word == format) return known.origin;
  }
  return StateOrigin::kNone;
}

std::string_view FormatOf(StateOrigin origin) {
  for (const Format& known : kFormats) {
    if (known.origin == origin) return known.word;
  }
  return "unknown";
}

// What one entry says. The views are the document's.
struct Detail {
  std::string_view text;
  core::OpaqueState state;
};

Detail ReadDetail(const json::Object& entry) {
  const std::string_view type = StringOrEmpty(entry, "type");
  const StateOrigin origin = OriginOf(StringOrEmpty(entry, "format"));
  Detail detail;
  if (type == "reasoning.encrypted") {
    detail.state = {origin,
                    origin == StateOrigin::kGemini ? StateKind::kOfPart : StateKind::kRedacted,
                    StringOrEmpty(entry, "data"), StringOrEmpty(entry, "id")};
  } else {
    detail.text = type == "reasoning.summary" ? StringOrEmpty(entry, "summary")
                                              : StringOrEmpty(entry, "text");
    detail.state = {origin, StateKind::kSignature, StringOrEmpty(entry, "signature"),
                    StringOrEmpty(entry, "id")};
  }
  if (detail.state.bytes.empty()) detail.state = {};
  return detail;
}

std::string_view ThoughtSignature(const json::Value& extra) {
  if (!extra.is_object()) return {};
  const std::optional<json::Value> google = extra.Object()->Find("google");
  if (!google || !google->is_object()) return {};
  return StringOrEmpty(*google->Object(), "thought_signature");
}

}  // namespace

Result<void> DecodeReasoningDetails(const json::Value& details, RequestTexts& texts,
                                    core::Message& message) {
  TIDEGATE_ASSIGN(const json::Array entries, details.Array());
  for (const json::Value entry : entries) {
    if (message.parts.size() == kPartsPerMessageMax) {
      return details.Invalid("has more than " + std::to_string(kPartsPerMessageMax) + " entries");
    }
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kDetail, entry));
    TIDEGATE_TRY(fields.Required(kDetail.Index("type")));
    const Detail detail = ReadDetail(fields.object());
    core::Part part{.kind = core::PartKind::kReasoning};
    part.text = texts.Own(detail.text);
    part.state = {detail.state.origin, detail.state.kind, texts.Own(detail.state.bytes),
                  texts.Own(detail.state.id)};
    texts.Count(entry.raw().size());
    message.parts.push_back(std::move(part));
  }
  return {};
}

Result<void> DecodeExtraContent(const json::Value& extra, RequestTexts& texts, core::Part& call) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kExtra, extra));
  const std::optional<json::Value> google = fields.Value(kExtra.Index("google"));
  if (!google) return {};
  TIDEGATE_ASSIGN(const auto members, ReadFields(kGoogle, *google));
  const auto& signature = members.Member(kGoogle.Index("thought_signature"));
  if (!signature) return {};
  TIDEGATE_ASSIGN(const std::string_view bytes, texts.Keep(*signature));
  call.state = {StateOrigin::kGemini, StateKind::kOfPart, bytes, {}};
  return {};
}

void ReadReasoningDetails(const json::Value& details, std::int64_t choice, bool with_text,
                          std::vector<core::Event>& out) {
  if (!details.is_array()) return;
  const json::Array entries = *details.Array();
  for (const json::Value entry : entries) {
    if (!entry.is_object()) continue;
    const Detail detail = ReadDetail(*entry.Object());
    if (with_text && !detail.text.empty()) {
      out.emplace_back(core::ReasoningEvent{choice, detail.text});
    }
    if (!detail.state.empty()) out.emplace_back(core::StateEvent{choice, detail.state});
  }
}

void ReadExtraContent(const json::Value& extra, std::int64_t choice,
                      std::vector<core::Event>& out) {
  const std::string_view bytes = ThoughtSignature(extra);
  if (bytes.empty()) return;
  out.emplace_back(core::StateEvent{choice, {StateOrigin::kGemini, StateKind::kOfPart, bytes, {}}});
}

void WriteReasoningDetail(json::Writer& out, std::string_view text,
                          const core::OpaqueState& state) {
  const bool opaque = !state.empty() && state.kind != StateKind::kSignature;
  out.BeginObject().Key("type").String(opaque ? "reasoning.encrypted" : "reasoning.text");
  if (!state.empty()) out.Key("format").String(FormatOf(state.origin));
  if (!state.id.empty()) out.Key("id").String(state.id);
  if (opaque) {
    out.Key("data").String(state.bytes);
  } else {
    out.Key("text").String(text);
    if (!state.empty()) out.Key("signature").String(state.bytes);
  }
  out.EndObject();
}

void WriteExtraContent(json::Writer& out, const core::OpaqueState& state) {
  out.BeginObject().Key("google").BeginObject();
  out.Key("thought_signature").String(state.bytes).EndObject().EndObject();
}

}  // namespace tidegate::protocols::openai_chat
