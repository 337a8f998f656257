#include "protocols/openai_chat/answer_reader.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "protocols/json_members.h"
#include "protocols/openai_chat/limits.h"
#include "protocols/openai_chat/reasoning_details.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::openai_chat {
namespace {

constexpr FieldNames kChunk{
    std::to_array<std::string_view>({"choices", "error", "object", "usage", "x_groq", "id", "model",
                                     "created", "system_fingerprint", "timings"})};
constexpr FieldNames kChoice{std::to_array<std::string_view>(
    {"index", "error", "logprobs", "delta", "message", "finish_reason"})};
constexpr FieldNames kMessage{
    std::to_array<std::string_view>({"reasoning_content", "reasoning", "reasoning_details",
                                     "content", "refusal", "tool_calls", "annotations"})};

Result<std::string_view> ReadString(const std::optional<json::Value>& value) {
  if (!value) return std::string_view();
  Result<std::string_view> text = value->String();
  if (!text.ok()) return MalformedAnswer(text.error());
  return text;
}

core::FinishReason ParseFinishReason(std::string_view word) {
  if (word == "stop" || word == "eos") return core::FinishReason::kStop;
  if (word == "length") return core::FinishReason::kLength;
  if (word == "tool_calls" || word == "function_call") return core::FinishReason::kToolCalls;
  if (word == "content_filter") return core::FinishReason::kContentFilter;
  return core::FinishReason::kOther;
}

// Log-probabilities come as {"content": […], "refusal": […]}; the arrays pass through as text
// without their brackets.
Result<void> ReadLogprobs(const json::Value& logprobs, std::int64_t index,
                          std::vector<core::Event>& out) {
  if (!logprobs.is_object()) return MalformedAnswer(logprobs.Mismatch("an object"));
  for (const std::string_view key : {std::string_view("content"), std::string_view("refusal")}) {
    const std::optional<json::Value> entries = FindSet(*logprobs.Object(), key);
    if (!entries) continue;
    if (!entries->is_array()) return MalformedAnswer(entries->Mismatch("an array"));
    std::string_view raw = entries->raw();
    raw.remove_prefix(1);
    raw.remove_suffix(1);
    if (entries->Array()->empty()) continue;
    out.push_back(
        core::LogprobsEvent{.choice = index, .content = raw, .refusal = key == "refusal"});
  }
  return {};
}

std::int64_t OffsetOr(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = object.Find(key);
  if (!value || value->kind() != json::Kind::kInteger) return -1;
  const Result<std::int64_t> number = value->IntegerIn(0, std::numeric_limits<std::int32_t>::max());
  return number.ok() ? *number : -1;
}

// Informative: entries of a shape that is not known are passed over.
void ReadAnnotations(const json::Value& notes, std::int64_t choice, std::vector<core::Event>& out) {
  if (!notes.is_array()) return;
  const json::Array entries = *notes.Array();
  for (const json::Value entry : entries) {
    if (!entry.is_object()) continue;
    for (const std::string_view key : {"url_citation", "document_citation"}) {
      const std::optional<json::Value> value = FindSet(*entry.Object(), key);
      if (!value || !value->is_object()) continue;
      const json::Object citation = *value->Object();
      out.emplace_back(core::CitationEvent{
          choice, OffsetOr(citation, "start_index"), OffsetOr(citation, "end_index"),
          StringOrEmpty(citation, "url"), StringOrEmpty(citation, "title"),
          StringOrEmpty(citation, "content"), StringOrEmpty(citation, "document")});
    }
  }
}

using ChunkMembers = SetMembers<kChunk.names.size()>;

core::StartEvent ReadStart(const ChunkMembers& chunk) {
  core::StartEvent start;
  start.id = chunk.StringOrEmpty(kChunk.Index("id"));
  start.model = chunk.StringOrEmpty(kChunk.Index("model"));
  start.system_fingerprint = chunk.StringOrEmpty(kChunk.Index("system_fingerprint"));
  if (const auto created = chunk[kChunk.Index("created")]) {
    // Informative: a strange value is no reason to refuse an answer.
    const Result<std::int64_t> seconds =
        created->IntegerIn(0, std::numeric_limits<std::int64_t>::max());
    if (seconds.ok()) start.created_s = *seconds;
  }
  return start;
}

}  // namespace

AnswerReader::Choice& AnswerReader::FindChoice(std::int64_t index) {
  for (Choice& choice : choices_) {
    if (choice.index == index) return choice;
  }
  ++unfinished_;
  return choices_.emplace_back(
      Choice{.index = index, .finished = false, .spoke = false, .calls = {}});
}

Result<void> AnswerReader::ReadChunk(const json::Value& root, bool named_error,
                                     std::vector<core::Event>& out) {
  if (named_error) {
    out.push_back(core::ErrorEvent{JudgeFault(ReadFaultBody(root), 0)});
    return {};
  }
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const ChunkMembers members(kChunk, *root.Object());
  const std::optional<json::Value> choices = members[kChunk.Index("choices")];
  if (members[kChunk.Index("error")] ||
      (!choices && members.StringOrEmpty(kChunk.Index("object")) == "error")) {
    out.push_back(core::ErrorEvent{JudgeFault(ReadFaultBody(root), 0)});
    return {};
  }
  chunk_had_choices_ = false;
  if (choices) {
    if (!choices->is_array()) return MalformedAnswer(choices->Mismatch("an array"));
    const json::Array all = *choices->Array();
    // Azure's first chunk has neither choices nor a model.
    if (!all.empty() && !started_) out.push_back(ReadStart(members));
    started_ |= !all.empty();
    std::int64_t position = 0;
    for (const json::Value choice : all) {
      if (!choice.is_object()) return MalformedAnswer(choice.Mismatch("an object"));
      TIDEGATE_TRY(ReadChoice(*choice.Object(), position++, out));
      if (!out.empty() && std::holds_alternative<core::ErrorEvent>(out.back())) return {};
      chunk_had_choices_ = true;
    }
  }
  std::optional<json::Value> usage = members[kChunk.Index("usage")];
  if (!usage && all_finished()) {  // Groq puts it elsewhere, into the last chunk
    const std::optional<json::Value> groq = members[kChunk.Index("x_groq")];
    if (groq && groq->is_object()) usage = FindSet(*groq->Object(), "usage");
  }
  if (usage) {
    core::Usage read = ReadUsage(*usage);
    if (const auto timings = members[kChunk.Index("timings")]) ReadDrafts(*timings, read);
    out.push_back(core::UsageEvent{read});
  }
  return {};
}

Result<void> AnswerReader::ReadWhole(const json::Value& root, std::vector<core::Event>& out) {
  TIDEGATE_TRY(ReadChunk(root, false, out));
  const bool is_error = !out.empty() && std::holds_alternative<core::ErrorEvent>(out.back());
  if (!said_anything_ && !is_error) return MalformedAnswer("is empty");
  return {};
}

Result<void> AnswerReader::ReadChoice(const json::Object& object, std::int64_t position,
                                      std::vector<core::Event>& out) {
  const SetMembers members(kChoice, object);
  std::int64_t index = position;
  if (const auto value = members[kChoice.Index("index")]) {
    const Result<std::int64_t> number = value->IntegerIn(0, kChoicesMax - 1);
    if (!number.ok()) return MalformedAnswer(number.error());
    index = *number;
  }
  if (const auto error = members[kChoice.Index("error")]) {  // OpenRouter: one choice failed
    out.push_back(core::ErrorEvent{JudgeFault(ReadFault(*error), 0)});
    return {};
  }
  Choice& choice = FindChoice(index);
  if (const auto logprobs = members[kChoice.Index("logprobs")]) {
    TIDEGATE_TRY(ReadLogprobs(*logprobs, index, out));
  }
  std::optional<json::Value> message = members[kChoice.Index("delta")];
  // A stream's last chunk may repeat the whole message; it counts only when nothing came before.
  if (!message && !choice.spoke) message = members[kChoice.Index("message")];
  if (message) {
    if (!message->is_object()) return MalformedAnswer(message->Mismatch("an object"));
    TIDEGATE_TRY(ReadMessage(*message->Object(), choice, out));
  }
  if (const auto reason = members[kChoice.Index("finish_reason")]) {
    TIDEGATE_TRY(ReadFinish(*reason, choice, out));
  }
  return {};
}

Result<void> AnswerReader::ReadMessage(const json::Object& object, Choice& choice,
                                       std::vector<core::Event>& out) {
  const SetMembers message(kMessage, object);
  const std::size_t before = out.size();
  TIDEGATE_ASSIGN(std::string_view reasoning,
                  ReadString(message[kMessage.Index("reasoning_content")]));
  if (reasoning.empty()) reasoning = message.StringOrEmpty(kMessage.Index("reasoning"));
  if (!reasoning.empty()) out.push_back(core::ReasoningEvent{choice.index, reasoning});
  if (const auto details = message[kMessage.Index("reasoning_details")]) {
    ReadReasoningDetails(*details, choice.index, reasoning.empty(), out);
  }
  if (const auto content = message[kMessage.Index("content")]) {
    TIDEGATE_TRY(ReadContent(*content, choice, out));
  }
  TIDEGATE_ASSIGN(const std::string_view refusal, ReadString(message[kMessage.Index("refusal")]));
  if (!refusal.empty()) out.push_back(core::RefusalEvent{choice.index, refusal});
  if (const auto calls = message[kMessage.Index("tool_calls")]) {
    if (!calls->is_array()) return MalformedAnswer(calls->Mismatch("an array"));
    std::int64_t position = 0;
    const json::Array all = *calls->Array();
    for (const json::Value call : all) {
      if (!call.is_object()) return MalformedAnswer(call.Mismatch("an object"));
      TIDEGATE_TRY(ReadToolCall(*call.Object(), position++, choice, out));
    }
  }
  if (const auto notes = message[kMessage.Index("annotations")]) {
    ReadAnnotations(*notes, choice.index, out);
  }
  choice.spoke |= out.size() > before;
  said_anything_ |= choice.spoke;
  return {};
}

// A string, or a list of parts: {"type": "text", "text": …}, and Mistral's {"type": "thinking",
// "thinking": [text parts]}.
Result<void> AnswerReader::ReadContent(const json::Value& content, Choice& choice,
                                       std::vector<core::Event>& out) {
  if (content.is_string()) {
    if (!content.String()->empty()) out.push_back(core::TextEvent{choice.index, *content.String()});
    return {};
  }
  if (!content.is_array()) return MalformedAnswer(content.Mismatch("a string"));
  const json::Array parts = *content.Array();
  for (const json::Value part : parts) {
    if (!part.is_object()) return MalformedAnswer(part.Mismatch("an object"));
    const json::Object object = *part.Object();
    if (const std::string_view text = StringOrEmpty(object, "text"); !text.empty()) {
      out.push_back(core::TextEvent{choice.index, text});
    }
    const std::optional<json::Value> thinking = FindSet(object, "thinking");
    if (!thinking || !thinking->is_array()) continue;
    const json::Array thoughts = *thinking->Array();
    for (const json::Value thought : thoughts) {
      if (!thought.is_object()) return MalformedAnswer(thought.Mismatch("an object"));
      if (const std::string_view text = StringOrEmpty(*thought.Object(), "text"); !text.empty()) {
        out.push_back(core::ReasoningEvent{choice.index, text});
      }
    }
  }
  return {};
}

// Which of the choice's calls a delta belongs to. By index when there is one, unless the id says
// that it is another call (there are servers that number every parallel call 0); by id, else the
// latest, when there is no index.
Result<std::size_t> AnswerReader::FindCall(const json::Object& call, std::int64_t position,
                                           std::string_view id, Choice& choice) {
  std::vector<Call>& calls = choice.calls;
  std::optional<std::int64_t> index;
  if (const std::optional<json::Value> value = FindSet(call, "index")) {
    const Result<std::int64_t> number =
        value->IntegerIn(0, static_cast<std::int64_t>(kToolCallsPerAnswerMax) - 1);
    if (!number.ok()) return MalformedAnswer(number.error());
    index = *number;
  }
  for (std::size_t i = calls.size(); i-- > 0;) {
    const bool same_id = id.empty() || calls[i].id.empty() || calls[i].id == id;
    const bool same_index =
        index ? calls[i].upstream_index == *index : !id.empty() || i + 1 == calls.size();
    // Without index and id, the first entry of a list continues the latest call; more entries are
    // calls of their own.
    const bool continues = index || !id.empty() || position == 0;
    if (same_id && same_index && continues) return i;
  }
  if (calls.size() == kToolCallsPerAnswerMax) return MalformedAnswer("has too many tool calls");
  calls.push_back(Call{index.value_or(position), {}, {}});
  return calls.size() - 1;
}

Result<void> AnswerReader::ReadToolCall(const json::Object& call, std::int64_t position,
                                        Choice& choice, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::string_view id, ReadString(FindSet(call, "id")));
  TIDEGATE_ASSIGN(const std::size_t at, FindCall(call, position, id, choice));
  Call& known = choice.calls[at];
  core::ToolCallEvent event;
  event.choice = choice.index;
  event.index = static_cast<std::int64_t>(at);
  if (const std::optional<json::Value> function = FindSet(call, "function")) {
    if (!function->is_object()) return MalformedAnswer(function->Mismatch("an object"));
    TIDEGATE_ASSIGN(event.name, ReadString(FindSet(*function->Object(), "name")));
    if (const std::optional<json::Value> arguments = FindSet(*function->Object(), "arguments")) {
      // Some servers send the arguments as an object instead of as its text.
      event.arguments = arguments->is_string() ? *arguments->String() : arguments->raw();
    }
  }
  if (const std::optional<json::Value> extra = FindSet(call, "extra_content")) {
    ReadExtraContent(*extra, choice.index, out);
  }
  // Servers may repeat id and name in every delta; a call is announced once.
  event.id = known.id.empty() ? id : std::string_view();
  if (!known.name.empty()) event.name = {};
  if (!event.id.empty()) known.id = event.id;
  if (!event.name.empty()) known.name = event.name;
  out.push_back(event);
  return {};
}

Result<void> AnswerReader::ReadFinish(const json::Value& reason, Choice& choice,
                                      std::vector<core::Event>& out) {
  if (!reason.is_string()) return MalformedAnswer(reason.Mismatch("a string"));
  const std::string_view word = *reason.String();
  if (word.empty() || choice.finished) return {};
  if (word == "error") {
    out.push_back(core::ErrorEvent{JudgeFault(Fault{}, 0)});
    return {};
  }
  choice.finished = true;
  said_anything_ = true;
  --unfinished_;
  out.push_back(core::FinishEvent{choice.index, ParseFinishReason(word), {}});
  return {};
}

}  // namespace tidegate::protocols::openai_chat
