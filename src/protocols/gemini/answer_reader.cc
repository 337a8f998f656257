#include "protocols/gemini/answer_reader.h"

#include <algorithm>
#include <array>
#include <list>
#include <optional>
#include <utility>

#include "protocols/gemini/limits.h"
#include "protocols/gemini/logprobs.h"
#include "protocols/gemini/proto_fields.h"
#include "protocols/json_members.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/event.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::gemini {
namespace {

using core::StateKind;
using core::StateOrigin;

constexpr std::array<std::string_view, 8> kFiltered = {
    "SAFETY", "RECITATION",   "BLOCKLIST",   "PROHIBITED_CONTENT",
    "SPII",   "IMAGE_SAFETY", "MODEL_ARMOR", "IMAGE_PROHIBITED_CONTENT"};

core::FinishReason ParseFinish(std::string_view word, bool called) {
  if (word == "STOP") {  // which is also said of an answer that ends in calls
    return called ? core::FinishReason::kToolCalls : core::FinishReason::kStop;
  }
  if (word == "MAX_TOKENS") return core::FinishReason::kLength;
  const bool filtered = std::find(kFiltered.begin(), kFiltered.end(), word) != kFiltered.end();
  return filtered ? core::FinishReason::kContentFilter : core::FinishReason::kOther;
}

// Texts that stand in no document; their views live as long as those of the events.
thread_local std::list<std::string> made_texts;

// A member that must be an object, or nothing.
Result<std::optional<json::Object>> FindObject(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = FindSet(object, key);
  if (!value) return std::optional<json::Object>();
  if (!value->is_object()) return MalformedAnswer(value->Mismatch("an object"));
  return std::optional<json::Object>(*value->Object());
}

std::optional<json::Array> FindList(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = FindSet(object, key);
  if (!value || !value->is_array()) return std::nullopt;
  return *value->Array();
}

std::int64_t OffsetOr(const json::Object& object, std::string_view key, std::int64_t other) {
  const std::optional<json::Value> value = FindSet(object, key);
  if (!value) return other;
  const Result<std::int64_t> number = IntegerOf(*value, 0, kUsageTokensMax);
  return number.ok() ? *number : other;
}

core::StateEvent Signature(std::int64_t choice, StateKind kind, std::string_view bytes) {
  return {choice, {StateOrigin::kGemini, kind, bytes, {}}};
}

// What a piece of grounding says of its source.
core::CitationEvent ReadSource(const json::Value& chunk) {
  core::CitationEvent citation;
  if (!chunk.is_object()) return citation;
  const json::Object object = *chunk.Object();
  for (const std::string_view kind : {"web", "retrievedContext", "maps", "image"}) {
    const std::optional<json::Value> source = FindSet(object, kind);
    if (!source || !source->is_object()) continue;
    const json::Object members = *source->Object();
    citation.url = StringOrEmpty(members, "uri");
    if (citation.url.empty()) citation.url = StringOrEmpty(members, "sourceUri");
    citation.title = StringOrEmpty(members, "title");
    citation.cited_text = StringOrEmpty(members, "text");
    citation.document = StringOrEmpty(members, "documentName");
  }
  return citation;
}

}  // namespace

bool AnswerReader::all_finished() const {
  return !choices_.empty() && std::all_of(choices_.begin(), choices_.end(),
                                          [](const Choice& choice) { return choice.finished; });
}

AnswerReader::Choice& AnswerReader::ChoiceAt(std::int64_t index) {
  for (Choice& choice : choices_) {
    if (choice.index == index) return choice;
  }
  Choice& choice = choices_.emplace_back();
  choice.index = index;
  return choice;
}

Result<FrameKind> AnswerReader::ReadChunk(const json::Value& root, std::vector<core::Event>& out) {
  made_texts.clear();
  const bool listed = root.is_array();
  if (!listed && !root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  if (listed || FindSet(*root.Object(), "error")) {
    const Fault fault = ReadFaultBody(root);
    const bool empty = fault.message.empty() && fault.status == 0 && fault.type.empty();
    if (listed && empty) return MalformedAnswer(root.Mismatch("an object"));
    out.emplace_back(core::ErrorEvent{JudgeFault(fault, 0)});
    return FrameKind::kError;
  }
  const json::Object chunk = *root.Object();
  if (!std::exchange(started_, true)) {
    out.emplace_back(core::StartEvent{
        StringOrEmpty(chunk, "responseId"), StringOrEmpty(chunk, "modelVersion"), 0, {}});
  }
  if (const std::optional<json::Value> candidates = FindSet(chunk, "candidates")) {
    if (!candidates->is_array()) return MalformedAnswer(candidates->Mismatch("an array"));
    const json::Array list = *candidates->Array();
    for (const json::Value candidate : list) TIDEGATE_TRY(ReadCandidate(candidate, out));
  }
  TIDEGATE_ASSIGN(const std::optional<json::Object> feedback, FindObject(chunk, "promptFeedback"));
  // The prompt itself was withheld from the model, so there is no candidate.
  if (feedback && !StringOrEmpty(*feedback, "blockReason").empty() && choices_.empty()) {
    ChoiceAt(0).finished = true;
    out.emplace_back(core::FinishEvent{0, core::FinishReason::kContentFilter});
  }
  if (const std::optional<json::Value> usage = FindSet(chunk, "usageMetadata")) {
    ReadUsage(*usage, out);
  }
  return FrameKind::kChunk;
}

Result<void> AnswerReader::ReadCandidate(const json::Value& value, std::vector<core::Event>& out) {
  if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
  const json::Object candidate = *value.Object();
  std::int64_t index = 0;
  if (const std::optional<json::Value> number = FindSet(candidate, "index")) {
    const Result<std::int64_t> read = IntegerOf(*number, 0, kCandidateIndexMax);
    if (!read.ok()) return MalformedAnswer(read.error());
    index = *read;
  }
  Choice& choice = ChoiceAt(index);
  if (const std::optional<json::Value> logprobs = FindSet(candidate, "logprobsResult")) {
    std::string entries = ReadLogprobs(*logprobs);
    if (!entries.empty()) {
      out.emplace_back(
          core::LogprobsEvent{index, made_texts.emplace_back(std::move(entries)), false});
    }
  }
  TIDEGATE_ASSIGN(const std::optional<json::Object> content, FindObject(candidate, "content"));
  if (content) {
    if (const std::optional<json::Array> parts = FindList(*content, "parts")) {
      for (const json::Value part : *parts) TIDEGATE_TRY(ReadPart(part, choice, out));
    }
  }
  ReadCitations(candidate, choice, out);
  const std::string_view reason = StringOrEmpty(candidate, "finishReason");
  if (reason.empty() || reason == "FINISH_REASON_UNSPECIFIED" || choice.finished) return {};
  choice.finished = true;
  out.emplace_back(core::FinishEvent{index, ParseFinish(reason, choice.calls > 0)});
  return {};
}

Result<void> AnswerReader::ReadPart(const json::Value& value, Choice& choice,
                                    std::vector<core::Event>& out) {
  if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
  const json::Object part = *value.Object();
  const std::string_view signature = StringOrEmpty(part, "thoughtSignature");
  const std::optional<json::Value> call = FindSet(part, "functionCall");
  const std::string_view text = StringOrEmpty(part, "text");
  const std::optional<json::Value> thought = FindSet(part, "thought");
  const bool is_thought = thought && thought->raw() == "true" && !call;
  if (!call && text.empty() && signature.empty()) return {};  // media, code, the end of a stream
  if (std::exchange(choice.unbound, false)) out.emplace_back(core::TextEvent{choice.index, {}});
  if (is_thought) {
    if (!text.empty()) out.emplace_back(core::ReasoningEvent{choice.index, text});
    if (!signature.empty()) {
      out.emplace_back(Signature(choice.index, StateKind::kSignature, signature));
    }
    return {};
  }
  if (!signature.empty()) {
    out.emplace_back(Signature(choice.index, StateKind::kOfPart, signature));
    choice.unbound = !call && text.empty();
  }
  if (call) return ReadCall(*call, choice, out);
  if (!text.empty()) out.emplace_back(core::TextEvent{choice.index, text});
  return {};
}

Result<void> AnswerReader::ReadCall(const json::Value& value, Choice& choice,
                                    std::vector<core::Event>& out) {
  if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
  if (++calls_ > static_cast<std::int64_t>(kToolCallsPerAnswerMax)) {
    return MalformedAnswer("has too many tool calls");
  }
  const json::Object object = *value.Object();
  core::ToolCallEvent call;
  call.choice = choice.index;
  call.index = choice.calls++;
  call.id = StringOrEmpty(object, "id");
  call.name = StringOrEmpty(object, "name");
  const std::optional<json::Value> args = FindSet(object, "args");
  // Arguments in pieces come only to who asked for them in this protocol, and as they are.
  const std::optional<json::Value> pieces = FindSet(object, "partialArgs");
  call.arguments = args ? args->raw() : pieces ? pieces->raw() : std::string_view("{}");
  if (call.name.empty() && !pieces && !FindSet(object, "willContinue")) {
    return MalformedAnswer("holds a function call without a name");
  }
  out.emplace_back(call);
  return {};
}

bool AnswerReader::AddCitation(const core::CitationEvent& citation, std::vector<core::Event>& out) {
  if (citations_ == kCitationsPerAnswerMax) return false;
  ++citations_;
  out.emplace_back(citation);
  return true;
}

void AnswerReader::ReadCitations(const json::Object& candidate, const Choice& choice,
                                 std::vector<core::Event>& out) {
  const std::optional<json::Value> metadata = FindSet(candidate, "citationMetadata");
  if (metadata && metadata->is_object()) {
    for (const std::string_view key : {"citationSources", "citations"}) {
      const std::optional<json::Array> sources = FindList(*metadata->Object(), key);
      if (!sources) continue;
      for (const json::Value source : *sources) {
        if (!source.is_object()) continue;
        const json::Object members = *source.Object();
        core::CitationEvent citation{.choice = choice.index};
        citation.begin = OffsetOr(members, "startIndex", 0);
        citation.end = OffsetOr(members, "endIndex", -1);
        citation.url = StringOrEmpty(members, "uri");
        citation.title = StringOrEmpty(members, "title");
        if (!AddCitation(citation, out)) return;
      }
    }
  }
  const std::optional<json::Value> grounding = FindSet(candidate, "groundingMetadata");
  if (grounding && grounding->is_object()) ReadGrounding(*grounding->Object(), choice, out);
}

void AnswerReader::ReadGrounding(const json::Object& grounding, const Choice& choice,
                                 std::vector<core::Event>& out) {
  const std::optional<json::Array> chunks = FindList(grounding, "groundingChunks");
  if (!chunks) return;
  std::vector<core::CitationEvent> sources;
  for (const json::Value chunk : *chunks) sources.push_back(ReadSource(chunk));
  const std::optional<json::Array> supports = FindList(grounding, "groundingSupports");
  if (!supports || supports->empty()) {
    for (core::CitationEvent& source : sources) {
      source.choice = choice.index;
      if (!AddCitation(source, out)) return;
    }
    return;
  }
  for (const json::Value support : *supports) {
    if (!support.is_object()) continue;
    const std::optional<json::Array> indices = FindList(*support.Object(), "groundingChunkIndices");
    const std::optional<json::Value> segment = FindSet(*support.Object(), "segment");
    if (!indices) continue;
    for (const json::Value number : *indices) {
      const Result<std::int64_t> at = number.Integer();
      if (!at.ok() || *at < 0 || *at >= static_cast<std::int64_t>(sources.size())) continue;
      core::CitationEvent citation = sources[static_cast<std::size_t>(*at)];
      citation.choice = choice.index;
      if (segment && segment->is_object() && OffsetOr(*segment->Object(), "partIndex", 0) == 0) {
        citation.begin = OffsetOr(*segment->Object(), "startIndex", 0);
        citation.end = OffsetOr(*segment->Object(), "endIndex", -1);
      }
      if (!AddCitation(citation, out)) return;
    }
  }
}

// The numbers of the last chunk that has some count; those before it are of the answer so far.
void AnswerReader::ReadUsage(const json::Value& value, std::vector<core::Event>& out) {
  if (!value.is_object()) return;
  const json::Object object = *value.Object();
  bool any = false, odd = false;
  const auto count = [&](const json::Object& holder, std::string_view key) -> std::int64_t {
    const std::optional<json::Value> member = FindSet(holder, key);
    if (!member) return 0;
    any = true;
    const Result<std::int64_t> number = IntegerOf(*member, 0, kUsageTokensMax / 4);
    odd |= !number.ok();
    return number.ok() ? *number : 0;
  };
  const auto media = [&](std::string_view key) {
    std::int64_t sum = 0;
    const std::optional<json::Array> details = FindList(object, key);
    if (!details) return sum;
    for (const json::Value detail : *details) {
      if (!detail.is_object() || StringOrEmpty(*detail.Object(), "modality") == "TEXT") continue;
      sum = std::min(sum + count(*detail.Object(), "tokenCount"), kUsageTokensMax);
    }
    return sum;
  };
  core::Usage usage;
  // What tools of Google's brought in is input too, and stands beside the prompt.
  usage.input_tokens = count(object, "promptTokenCount") + count(object, "toolUsePromptTokenCount");
  usage.cached_read_tokens = count(object, "cachedContentTokenCount");
  usage.reasoning_tokens = count(object, "thoughtsTokenCount");
  usage.output_tokens = count(object, "candidatesTokenCount") + usage.reasoning_tokens;
  usage.media_input_tokens = media("promptTokensDetails");
  usage.media_output_tokens = media("candidatesTokensDetails");
  if (!any) return;
  usage.estimated = odd || !all_finished();
  out.emplace_back(core::UsageEvent{usage});
}

Result<FrameKind> FrameReader::Read(std::string_view frame, std::vector<core::Event>& out) {
  const sse::Event event = sse::ParseEvent(frame, joined_);
  if (event.data.find_first_not_of(" \t") == std::string_view::npos) return FrameKind::kIdle;
  if (failed_) return FrameKind::kIgnored;
  const std::size_t before = out.size();
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(event.data, sse::kFrameBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  Result<FrameKind> kind = answer_.ReadChunk(*root, out);
  if (!kind.ok()) {
    out.resize(before);
    return kind;
  }
  failed_ = *kind == FrameKind::kError;
  return kind;
}

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out) {
  AnswerReader answer;
  TIDEGATE_ASSIGN(const FrameKind kind, answer.ReadChunk(root, out));
  if (kind == FrameKind::kError || answer.all_finished()) return {};
  return MalformedAnswer("ended without saying why");
}

}  // namespace tidegate::protocols::gemini
