#include "protocols/cohere_chat/answer_reader.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "protocols/cohere_chat/limits.h"
#include "protocols/json_members.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/event.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::cohere_chat {
namespace {

// The object at the end of a path of members. Nothing when one of them is missing or null; an error
// when one is something else.
Result<std::optional<json::Object>> Descend(json::Object object,
                                            std::initializer_list<std::string_view> path) {
  for (const std::string_view key : path) {
    const std::optional<json::Value> value = FindSet(object, key);
    if (!value) return std::optional<json::Object>();
    if (!value->is_object()) return MalformedAnswer(value->Mismatch("an object"));
    object = *value->Object();
  }
  return std::optional<json::Object>(object);
}

// A member's text; empty when it is missing or null.
Result<std::string_view> TextOf(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = FindSet(object, key);
  if (!value) return std::string_view();
  Result<std::string_view> text = value->String();
  if (!text.ok()) return MalformedAnswer(text.error());
  return text;
}

Result<std::int64_t> IndexOf(const json::Object& event) {
  const std::optional<json::Value> value = FindSet(event, "index");
  if (!value) return std::int64_t{0};
  Result<std::int64_t> index = value->IntegerIn(0, 1'000'000);
  if (!index.ok()) return MalformedAnswer(index.error());
  return index;
}

// A place in the answer; -1 when it is missing or cannot be one.
std::int64_t PlaceOf(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = FindSet(object, key);
  if (!value) return -1;
  const Result<std::int64_t> place = value->IntegerIn(0, kUsageTokensMax);
  return place.ok() ? *place : -1;
}

core::FinishReason ParseFinish(std::string_view word) {
  if (word == "COMPLETE") return core::FinishReason::kStop;
  if (word == "STOP_SEQUENCE") return core::FinishReason::kStopSequence;
  if (word == "MAX_TOKENS") return core::FinishReason::kLength;
  if (word == "TOOL_CALL") return core::FinishReason::kToolCalls;
  return core::FinishReason::kOther;
}

// The error that a reason for finishing means: what stands before it is not the whole answer.
std::optional<Error> FaultOf(std::string_view word, std::string_view message) {
  const bool timeout = word == "TIMEOUT";
  if (!timeout && !word.starts_with("ERROR")) return std::nullopt;
  Fault fault;
  fault.status = timeout ? 504 : 500;
  fault.message = message;
  if (message.empty()) fault.message = timeout ? "the generation took too long" : word;
  return JudgeFault(fault, 0);
}

void ReadFinish(const json::Object& holder, std::string_view reason,
                std::vector<core::Event>& out) {
  out.emplace_back(core::FinishEvent{0, ParseFinish(reason), {}});
  if (const std::optional<json::Value> usage = FindSet(holder, "usage")) {
    out.emplace_back(core::UsageEvent{ReadUsage(*usage)});
  }
}

}  // namespace

core::Usage ReadUsage(const json::Value& value) {
  core::Usage usage;
  usage.estimated = true;
  if (!value.is_object()) return usage;
  const json::Object object = *value.Object();
  const auto read = [](const json::Object& from, std::string_view key, std::int64_t& out) {
    const std::optional<json::Value> number = FindSet(from, key);
    if (!number) return false;
    const Result<std::int64_t> count = number->IntegerIn(0, kUsageTokensMax);
    if (count.ok()) out = *count;
    return count.ok();
  };
  for (const std::string_view key : {"billed_units", "tokens"}) {
    const std::optional<json::Value> units = FindSet(object, key);
    if (!units || !units->is_object()) continue;
    const json::Object from = *units->Object();
    core::Usage said;
    const bool input = read(from, "input_tokens", said.input_tokens);
    const bool output = read(from, "output_tokens", said.output_tokens);
    if (!input && !output) continue;
    usage = said;
    usage.estimated = !input || !output;
    break;
  }
  // Of all the prompt; more than is billed may come from the cache.
  if (read(object, "cached_tokens", usage.cached_read_tokens)) {
    usage.cached_read_tokens = std::min(usage.cached_read_tokens, usage.input_tokens);
  }
  return usage;
}

Result<FrameKind> AnswerReader::ReadEvent(const json::Value& root, std::string_view name,
                                          std::vector<core::Event>& out) {
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object event = *root.Object();
  TIDEGATE_ASSIGN(std::string_view type, TextOf(event, "type"));
  if (type.empty()) type = name;
  if (type == "content-delta") {
    TIDEGATE_TRY(ReadContent(event, false, out));
  } else if (type == "tool-call-delta") {
    TIDEGATE_TRY(ReadCallDelta(event, out));
  } else if (type == "tool-plan-delta") {
    TIDEGATE_TRY(ReadPlan(event, out));
  } else if (type == "content-start") {
    TIDEGATE_TRY(ReadContent(event, true, out));
  } else if (type == "tool-call-start") {
    TIDEGATE_TRY(ReadCallStart(event, out));
  } else if (type == "citation-start") {
    TIDEGATE_TRY(ReadCitations(event, out));
  } else if (type == "message-start") {
    out.emplace_back(core::StartEvent{StringOrEmpty(event, "id"), {}, 0, {}});
  } else if (type == "message-end") {
    return ReadEnd(event, out);
  } else if (type.empty() && FindSet(event, "message")) {  // an error body in the stream
    out.emplace_back(core::ErrorEvent{JudgeFault(ReadFaultBody(root), 0)});
    return FrameKind::kError;
  } else {
    return FrameKind::kIdle;  // the ends of parts, and what the API may add
  }
  return FrameKind::kChunk;
}

void AnswerReader::BeginBlock(std::int64_t index) {
  if (blocks_.size() < kContentBlocksMax) blocks_.push_back({index, text_.characters()});
}

void AnswerReader::AddText(std::string_view text, std::vector<core::Event>& out) {
  if (text.empty()) return;
  text_.Append(text);
  out.emplace_back(core::TextEvent{0, text});
}

Result<void> AnswerReader::ReadContent(const json::Object& event, bool start,
                                       std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::int64_t index, IndexOf(event));
  TIDEGATE_ASSIGN(const std::optional<json::Object> content,
                  Descend(event, {"delta", "message", "content"}));
  if (!content) return {};
  if (start && StringOrEmpty(*content, "type") == "text") BeginBlock(index);
  TIDEGATE_ASSIGN(const std::string_view thought, TextOf(*content, "thinking"));
  if (!thought.empty()) out.emplace_back(core::ReasoningEvent{0, thought});
  TIDEGATE_ASSIGN(const std::string_view text, TextOf(*content, "text"));
  AddText(text, out);
  return {};
}

Result<void> AnswerReader::ReadPlan(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::optional<json::Object> message, Descend(event, {"delta", "message"}));
  if (!message) return {};
  TIDEGATE_ASSIGN(const std::string_view plan, TextOf(*message, "tool_plan"));
  if (plan_begin_ < 0) plan_begin_ = text_.characters();
  AddText(plan, out);
  return {};
}

Result<void> AnswerReader::ReadCallStart(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::int64_t index, IndexOf(event));
  TIDEGATE_ASSIGN(const std::optional<json::Object> call,
                  Descend(event, {"delta", "message", "tool_calls"}));
  if (!call) return MalformedAnswer("begins a tool call without saying which");
  return ReadCall(call->value(), index, out);
}

Result<void> AnswerReader::ReadCall(const json::Value& value, std::int64_t index,
                                    std::vector<core::Event>& out) {
  if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
  const json::Object object = *value.Object();
  TIDEGATE_ASSIGN(const std::optional<json::Object> function, Descend(object, {"function"}));
  if (!function) return MalformedAnswer("has a tool call without a function");
  if (std::find(calls_.begin(), calls_.end(), index) != calls_.end()) {
    return MalformedAnswer("begins a tool call twice");
  }
  if (calls_.size() == kToolCallsPerAnswerMax) return MalformedAnswer("has too many tool calls");
  core::ToolCallEvent call;
  call.index = static_cast<std::int64_t>(calls_.size());
  calls_.push_back(index);
  TIDEGATE_ASSIGN(call.id, TextOf(object, "id"));
  TIDEGATE_ASSIGN(call.name, TextOf(*function, "name"));
  TIDEGATE_ASSIGN(call.arguments, TextOf(*function, "arguments"));
  if (call.name.empty()) return MalformedAnswer("has a tool call without a name");
  out.emplace_back(call);
  return {};
}

Result<void> AnswerReader::ReadCallDelta(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::int64_t index, IndexOf(event));
  // The newest is the one that goes on, as a rule.
  const auto found = std::find(calls_.rbegin(), calls_.rend(), index);
  if (found == calls_.rend()) return MalformedAnswer("goes on with a tool call that never began");
  TIDEGATE_ASSIGN(const std::optional<json::Object> function,
                  Descend(event, {"delta", "message", "tool_calls", "function"}));
  if (!function) return {};
  core::ToolCallEvent call;
  call.index = calls_.rend() - found - 1;
  TIDEGATE_ASSIGN(call.arguments, TextOf(*function, "arguments"));
  if (!call.arguments.empty()) out.emplace_back(call);
  return {};
}

Result<void> AnswerReader::ReadCitations(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::optional<json::Object> message, Descend(event, {"delta", "message"}));
  if (!message) return {};
  const std::optional<json::Value> citation = FindSet(*message, "citations");
  return citation ? ReadCitation(*citation, out) : Result<void>();
}

// One event for each source. Its place is counted from the beginning of a block, or of the plan;
// places in thoughts are places in nothing that we keep.
Result<void> AnswerReader::ReadCitation(const json::Value& value, std::vector<core::Event>& out) {
  if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
  const json::Object citation = *value.Object();
  const std::string_view type = StringOrEmpty(citation, "type");
  std::int64_t base = blocks_.empty() ? 0 : blocks_.back().begin;
  if (const std::int64_t index = PlaceOf(citation, "content_index"); index >= 0) {
    const auto block =
        std::lower_bound(blocks_.begin(), blocks_.end(), index,
                         [](const Block& each, std::int64_t i) { return each.index < i; });
    if (block != blocks_.end() && block->index == index) base = block->begin;
  }
  if (type == "PLAN") base = std::max<std::int64_t>(plan_begin_, 0);
  core::CitationEvent event;
  const std::int64_t start = PlaceOf(citation, "start");
  const std::int64_t end = PlaceOf(citation, "end");
  if (start >= 0 && end >= start && type != "THINKING_CONTENT") {
    event.begin = text_.ByteOf(base + start);
    event.end = text_.ByteOf(base + end);
    if (event.begin < 0 || event.end < 0) event.begin = event.end = -1;
  }
  const std::size_t first = out.size();
  if (const std::optional<json::Value> list = FindSet(citation, "sources")) {
    if (!list->is_array()) return MalformedAnswer(list->Mismatch("an array"));
    const json::Array sources = *list->Array();
    for (const json::Value source : sources) {
      if (!source.is_object()) return MalformedAnswer(source.Mismatch("an object"));
      const json::Object object = *source.Object();
      event.document = StringOrEmpty(object, "id");
      std::optional<json::Value> data = FindSet(object, "document");
      if (!data) data = FindSet(object, "tool_output");
      event.title = event.url = {};
      if (data && data->is_object()) {
        event.title = StringOrEmpty(*data->Object(), "title");
        event.url = StringOrEmpty(*data->Object(), "url");
      }
      out.emplace_back(event);
    }
  }
  if (out.size() == first) out.emplace_back(event);
  return {};
}

Result<FrameKind> AnswerReader::ReadEnd(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::optional<json::Object> delta, Descend(event, {"delta"}));
  const std::string_view reason = delta ? StringOrEmpty(*delta, "finish_reason") : "";
  if (reason.empty()) return MalformedAnswer("ended without saying why");
  if (std::optional<Error> fault = FaultOf(reason, StringOrEmpty(*delta, "error"))) {
    out.emplace_back(core::ErrorEvent{*std::move(fault)});
    return FrameKind::kError;
  }
  ReadFinish(*delta, reason, out);
  out.emplace_back(core::DoneEvent{});
  return FrameKind::kDone;
}

Result<void> AnswerReader::ReadAnswer(const json::Value& root, std::vector<core::Event>& out) {
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object answer = *root.Object();
  const std::optional<json::Value> holder = FindSet(answer, "message");
  if (!holder || holder->is_string()) {
    const Fault fault = ReadFaultBody(root);
    if (fault.message.empty()) return MalformedAnswer("has no message");
    out.emplace_back(core::ErrorEvent{JudgeFault(fault, 0)});
    return {};
  }
  if (!holder->is_object()) return MalformedAnswer(holder->Mismatch("an object"));
  const json::Object message = *holder->Object();
  const std::string_view reason = StringOrEmpty(answer, "finish_reason");
  if (reason.empty()) return MalformedAnswer("ended without saying why");
  out.emplace_back(core::StartEvent{StringOrEmpty(answer, "id"), {}, 0, {}});
  if (const std::optional<json::Value> content = FindSet(message, "content")) {
    TIDEGATE_TRY(ReadBlocks(*content, out));
  }
  plan_begin_ = text_.characters();
  TIDEGATE_ASSIGN(const std::string_view plan, TextOf(message, "tool_plan"));
  AddText(plan, out);
  if (const std::optional<json::Value> list = FindSet(message, "citations")) {
    if (!list->is_array()) return MalformedAnswer(list->Mismatch("an array"));
    const json::Array citations = *list->Array();
    for (const json::Value citation : citations) TIDEGATE_TRY(ReadCitation(citation, out));
  }
  if (const std::optional<json::Value> list = FindSet(message, "tool_calls")) {
    if (!list->is_array()) return MalformedAnswer(list->Mismatch("an array"));
    const json::Array calls = *list->Array();
    for (const json::Value call : calls) {
      TIDEGATE_TRY(ReadCall(call, static_cast<std::int64_t>(calls_.size()), out));
    }
  }
  if (std::optional<Error> fault = FaultOf(reason, StringOrEmpty(answer, "error"))) {
    out.emplace_back(core::ErrorEvent{*std::move(fault)});
    return {};
  }
  ReadFinish(answer, reason, out);
  return {};
}

Result<void> AnswerReader::ReadBlocks(const json::Value& content, std::vector<core::Event>& out) {
  if (!content.is_array()) return MalformedAnswer(content.Mismatch("an array"));
  const json::Array blocks = *content.Array();
  std::int64_t index = 0;
  for (const json::Value value : blocks) {
    if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
    const json::Object block = *value.Object();
    if (StringOrEmpty(block, "type") == "thinking") {
      TIDEGATE_ASSIGN(const std::string_view thought, TextOf(block, "thinking"));
      if (!thought.empty()) out.emplace_back(core::ReasoningEvent{0, thought});
    } else {
      BeginBlock(index);
      TIDEGATE_ASSIGN(const std::string_view text, TextOf(block, "text"));
      AddText(text, out);
    }
    ++index;
  }
  return {};
}

Result<FrameKind> FrameReader::Read(std::string_view frame, std::vector<core::Event>& out) {
  const sse::Event event = sse::ParseEvent(frame, joined_);
  if (event.data.find_first_not_of(" \t") == std::string_view::npos) return FrameKind::kIdle;
  if (failed_) return FrameKind::kIgnored;
  // Behind message-end it says nothing new; in front of it, it is a lie.
  constexpr std::string_view kDoneData = "[DONE]";
  if (done_) return event.data == kDoneData ? FrameKind::kChunk : FrameKind::kIgnored;
  if (event.data == kDoneData) return MalformedAnswer("ended without saying why");
  const std::size_t before = out.size();
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(event.data, sse::kFrameBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  Result<FrameKind> kind = answer_.ReadEvent(*root, event.name, out);
  if (!kind.ok()) {
    out.resize(before);
    return kind;
  }
  done_ = *kind == FrameKind::kDone;
  failed_ = *kind == FrameKind::kError;
  return kind;
}

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out) {
  return AnswerReader().ReadAnswer(root, out);
}

}  // namespace tidegate::protocols::cohere_chat
