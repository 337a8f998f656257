#include "protocols/bedrock_converse/answer_reader.h"

#include <algorithm>
#include <string>

#include "protocols/bedrock_converse/citation_reader.h"
#include "protocols/bedrock_converse/error_body.h"
#include "protocols/bedrock_converse/limits.h"
#include "protocols/bedrock_converse/usage_reader.h"
#include "protocols/json_members.h"
#include "protocols/scratch_reader.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

using core::StateKind;
using core::StateOrigin;

Result<json::Object> GetObject(const json::Object& object, std::string_view key) {
  const Result<json::Value> value = object.Get(key);
  if (!value.ok()) return MalformedAnswer(value.error());
  if (!value->is_object()) return MalformedAnswer(value->Mismatch("an object"));
  return *value->Object();
}

Result<std::string_view> GetString(const json::Object& object, std::string_view key) {
  const Result<json::Value> value = object.Get(key);
  if (!value.ok()) return MalformedAnswer(value.error());
  Result<std::string_view> text = value->String();
  if (!text.ok()) return MalformedAnswer(text.error());
  return text;
}

Result<std::int64_t> GetIndex(const json::Object& event) {
  const Result<json::Value> value = event.Get("contentBlockIndex");
  if (!value.ok()) return MalformedAnswer(value.error());
  Result<std::int64_t> index = value->IntegerIn(0, 1'000'000);
  if (!index.ok()) return MalformedAnswer(index.error());
  return index;
}

core::FinishReason ParseStopReason(std::string_view word) {
  if (word == "end_turn") return core::FinishReason::kStop;
  if (word == "stop_sequence") return core::FinishReason::kStopSequence;
  if (word == "max_tokens" || word == "model_context_window_exceeded") {
    return core::FinishReason::kLength;
  }
  if (word == "tool_use") return core::FinishReason::kToolCalls;
  if (word == "guardrail_intervened" || word == "content_filtered") {
    return core::FinishReason::kContentFilter;
  }
  if (word == "refusal") return core::FinishReason::kRefusal;
  return core::FinishReason::kOther;
}

// The signatures and hidden thoughts of the API are Claude's: they hold at Anthropic's own API too.
core::StateEvent Signature(std::string_view bytes) {
  return {0, {StateOrigin::kAnthropic, StateKind::kSignature, bytes, {}}};
}
core::StateEvent Redacted(std::string_view bytes) {
  return {0, {StateOrigin::kAnthropic, StateKind::kRedacted, bytes, {}}};
}

void AddText(std::string_view text, std::vector<core::Event>& out) {
  if (!text.empty()) out.emplace_back(core::TextEvent{0, text});
}

// A whole thought, where `reasoningText` holds text and signature, or a delta, which is one of
// them.
void ReadReasoning(const json::Object& reasoning, std::vector<core::Event>& out) {
  json::Object text = reasoning;
  if (const std::optional<json::Value> whole = FindSet(reasoning, "reasoningText")) {
    if (whole->is_object()) text = *whole->Object();
  }
  if (const std::string_view thought = StringOrEmpty(text, "text"); !thought.empty()) {
    out.emplace_back(core::ReasoningEvent{0, thought});
  }
  if (const std::string_view bytes = StringOrEmpty(text, "signature"); !bytes.empty()) {
    out.emplace_back(Signature(bytes));
  }
  if (const std::string_view bytes = StringOrEmpty(reasoning, "redactedContent"); !bytes.empty()) {
    out.emplace_back(Redacted(bytes));
  }
}

void ReadCitedText(const json::Object& block, std::vector<core::Event>& out) {
  const std::optional<json::Value> content = FindSet(block, "content");
  if (content && content->is_array()) {
    const json::Array pieces = *content->Array();
    for (const json::Value piece : pieces) {
      if (piece.is_object()) AddText(StringOrEmpty(*piece.Object(), "text"), out);
    }
  }
  const std::optional<json::Value> citations = FindSet(block, "citations");
  if (!citations || !citations->is_array()) return;
  const json::Array notes = *citations->Array();
  for (const json::Value citation : notes) {
    if (citation.is_object()) out.emplace_back(ReadCitation(*citation.Object()));
  }
}

// Which stop sequence it was is said where a caller asked for this member.
std::string_view StopSequence(const json::Object& holder) {
  const std::optional<json::Value> extra = FindSet(holder, "additionalModelResponseFields");
  return extra && extra->is_object() ? StringOrEmpty(*extra->Object(), "stop_sequence")
                                     : std::string_view();
}

// A call that Bedrock makes and answers itself has a type.
bool IsOfService(const json::Object& call) { return FindSet(call, "type").has_value(); }

}  // namespace

Result<FrameKind> AnswerReader::ReadEvent(std::string_view type, const json::Value& root,
                                          std::vector<core::Event>& out) {
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object event = *root.Object();
  if (type == "contentBlockDelta") {
    TIDEGATE_TRY(ReadDelta(event, out));
  } else if (type == "contentBlockStart") {
    TIDEGATE_TRY(StartBlock(event, out));
  } else if (type == "contentBlockStop") {
    TIDEGATE_TRY(StopBlock(event));
  } else if (type == "messageStart") {
    out.emplace_back(core::StartEvent{});
  } else if (type == "messageStop") {
    TIDEGATE_TRY(ReadStop(event, out));
  } else if (type == "metadata") {
    metadata_ = true;
    if (const std::optional<core::Usage> usage = ReadUsage(event)) {
      out.emplace_back(core::UsageEvent{*usage});
    }
  } else {
    return FrameKind::kIdle;  // what the API may add
  }
  if (!stopped_ || !metadata_) return FrameKind::kChunk;
  out.emplace_back(core::DoneEvent{});
  return FrameKind::kDone;
}

Result<void> AnswerReader::BeginCall(const json::Object& object, std::vector<core::Event>& out) {
  core::ToolCallEvent call;
  call.index = calls_++;
  if (calls_ > static_cast<std::int64_t>(kToolCallsPerAnswerMax)) {
    return MalformedAnswer("has too many tool calls");
  }
  TIDEGATE_ASSIGN(call.id, GetString(object, "toolUseId"));
  TIDEGATE_ASSIGN(call.name, GetString(object, "name"));
  out.emplace_back(call);
  return {};
}

Result<void> AnswerReader::StartBlock(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::int64_t index, GetIndex(event));
  TIDEGATE_ASSIGN(const json::Object start, GetObject(event, "start"));
  const std::optional<json::Value> tool = FindSet(start, "toolUse");
  if (!tool) return {};
  if (!tool->is_object()) return MalformedAnswer(tool->Mismatch("an object"));
  const bool open = std::any_of(open_.begin(), open_.end(),
                                [index](const OpenCall& each) { return each.block == index; });
  if (open) return MalformedAnswer("opens a block twice");
  if (open_.size() == kBlocksOpenMax) return MalformedAnswer("opens too many blocks at once");
  if (IsOfService(*tool->Object())) {
    open_.push_back({index, -1});
    return {};
  }
  open_.push_back({index, calls_});
  return BeginCall(*tool->Object(), out);
}

Result<void> AnswerReader::ReadDelta(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::int64_t index, GetIndex(event));
  TIDEGATE_ASSIGN(const json::Object delta, GetObject(event, "delta"));
  if (const std::optional<json::Value> text = FindSet(delta, "text")) {
    if (!text->is_string()) return MalformedAnswer(text->Mismatch("a string"));
    AddText(*text->String(), out);
  }
  if (const std::optional<json::Value> reasoning = FindSet(delta, "reasoningContent")) {
    if (!reasoning->is_object()) return MalformedAnswer(reasoning->Mismatch("an object"));
    ReadReasoning(*reasoning->Object(), out);
  }
  if (const std::optional<json::Value> citation = FindSet(delta, "citation")) {
    if (!citation->is_object()) return MalformedAnswer(citation->Mismatch("an object"));
    out.emplace_back(ReadCitation(*citation->Object()));
  }
  if (!FindSet(delta, "toolUse")) return {};
  TIDEGATE_ASSIGN(const json::Object tool, GetObject(delta, "toolUse"));
  TIDEGATE_ASSIGN(const std::string_view input, GetString(tool, "input"));
  const auto open = std::find_if(open_.begin(), open_.end(),
                                 [index](const OpenCall& each) { return each.block == index; });
  if (open == open_.end()) return MalformedAnswer("goes on with a tool call that is not open");
  if (open->call < 0 || input.empty()) return {};
  core::ToolCallEvent call;
  call.index = open->call;
  call.arguments = input;
  out.emplace_back(call);
  return {};
}

// Blocks of text need no start, so what stops may be one that nobody opened.
Result<void> AnswerReader::StopBlock(const json::Object& event) {
  TIDEGATE_ASSIGN(const std::int64_t index, GetIndex(event));
  std::erase_if(open_, [index](const OpenCall& each) { return each.block == index; });
  return {};
}

Result<void> AnswerReader::ReadStop(const json::Object& holder, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::string_view reason, GetString(holder, "stopReason"));
  if (stopped_) return MalformedAnswer("ends twice");
  stopped_ = true;
  out.emplace_back(core::FinishEvent{0, ParseStopReason(reason), StopSequence(holder)});
  return {};
}

Result<void> AnswerReader::ReadAnswer(const json::Value& root, std::vector<core::Event>& out) {
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object answer = *root.Object();
  TIDEGATE_ASSIGN(const json::Object output, GetObject(answer, "output"));
  TIDEGATE_ASSIGN(const json::Object message, GetObject(output, "message"));
  const Result<json::Value> content = message.Get("content");
  if (!content.ok()) return MalformedAnswer(content.error());
  out.emplace_back(core::StartEvent{});
  TIDEGATE_TRY(ReadContent(*content, out));
  TIDEGATE_TRY(ReadStop(answer, out));
  if (const std::optional<core::Usage> usage = ReadUsage(answer)) {
    out.emplace_back(core::UsageEvent{*usage});
  }
  return {};
}

Result<void> AnswerReader::ReadContent(const json::Value& content, std::vector<core::Event>& out) {
  if (!content.is_array()) return MalformedAnswer(content.Mismatch("an array"));
  const json::Array blocks = *content.Array();
  for (const json::Value value : blocks) {
    if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
    TIDEGATE_TRY(ReadBlock(*value.Object(), out));
  }
  return {};
}

Result<void> AnswerReader::ReadBlock(const json::Object& block, std::vector<core::Event>& out) {
  if (FindSet(block, "text")) {
    TIDEGATE_ASSIGN(const std::string_view text, GetString(block, "text"));
    AddText(text, out);
  } else if (FindSet(block, "reasoningContent")) {
    TIDEGATE_ASSIGN(const json::Object reasoning, GetObject(block, "reasoningContent"));
    ReadReasoning(reasoning, out);
  } else if (FindSet(block, "citationsContent")) {
    TIDEGATE_ASSIGN(const json::Object cited, GetObject(block, "citationsContent"));
    ReadCitedText(cited, out);
  } else if (FindSet(block, "toolUse")) {
    TIDEGATE_ASSIGN(const json::Object tool, GetObject(block, "toolUse"));
    if (!IsOfService(tool)) TIDEGATE_TRY(ReadToolUse(tool, out));
  }
  return {};
}

Result<void> AnswerReader::ReadToolUse(const json::Object& tool, std::vector<core::Event>& out) {
  TIDEGATE_TRY(BeginCall(tool, out));
  const std::optional<json::Value> input = FindSet(tool, "input");
  std::get<core::ToolCallEvent>(out.back()).arguments =
      input ? input->raw() : std::string_view("{}");
  return {};
}

Result<FrameKind> FrameReader::Read(std::string_view frame, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const aws_event_stream::Message message,
                  aws_event_stream::ParseMessage(frame, headers_));
  if (done_ || failed_) return FrameKind::kIgnored;
  const std::string_view kind = message.Text(":message-type");
  if (kind == "exception" || kind == "error") {
    failed_ = true;
    out.emplace_back(core::ErrorEvent{DecodeStreamError(message)});
    return FrameKind::kError;
  }
  if (kind != "event") return MalformedAnswer("has a message of an unknown type");
  const std::size_t before = out.size();
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(message.payload, sse::kFrameBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  Result<FrameKind> read = answer_.ReadEvent(message.Text(":event-type"), *root, out);
  if (!read.ok()) {
    out.resize(before);
    return read;
  }
  done_ = *read == FrameKind::kDone;
  return read;
}

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out) {
  return AnswerReader().ReadAnswer(root, out);
}

}  // namespace tidegate::protocols::bedrock_converse
