#include "protocols/ollama/answer_reader.h"

#include <optional>

#include "protocols/json_members.h"
#include "protocols/ndjson/line.h"
#include "protocols/ollama/limits.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/splitter.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::ollama {
namespace {

// The member's text; empty when it is missing or null.
Result<std::string_view> ReadString(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = FindSet(object, key);
  if (!value) return std::string_view();
  Result<std::string_view> text = value->String();
  if (!text.ok()) return MalformedAnswer(text.error());
  return text;
}

// Sets `out` when the member is there. False when it is there and cannot be believed.
bool ReadCount(const std::optional<json::Value>& value, std::int64_t& out) {
  if (!value) return true;
  const Result<std::int64_t> count = value->IntegerIn(0, kUsageTokensMax / 2);
  if (!count.ok()) return false;
  out = *count;
  return true;
}

// Older servers leave the count of a prompt out that was in their cache: then it is not known.
std::optional<core::Usage> ReadUsage(const json::Object& object) {
  const std::optional<json::Value> input = FindSet(object, "prompt_eval_count");
  const std::optional<json::Value> output = FindSet(object, "eval_count");
  if (!input && !output) return std::nullopt;
  core::Usage usage;
  bool believed = input.has_value() && output.has_value();
  believed &= ReadCount(input, usage.input_tokens);
  believed &= ReadCount(output, usage.output_tokens);
  usage.estimated = !believed;
  return usage;
}

}  // namespace

Result<FrameKind> AnswerReader::ReadObject(const json::Value& root, std::vector<core::Event>& out) {
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object object = *root.Object();
  if (FindSet(object, "error")) {
    out.emplace_back(core::ErrorEvent{JudgeFault(ReadFaultBody(root), 0)});
    return FrameKind::kError;
  }
  const std::optional<json::Value> done = FindSet(object, "done");
  if (!done) return MalformedAnswer("does not say whether it is done");
  const Result<bool> is_done = done->Bool();
  if (!is_done.ok()) return MalformedAnswer(is_done.error());
  if (!started_) {
    started_ = true;
    out.emplace_back(core::StartEvent{{}, StringOrEmpty(object, "model"), 0, {}});
  }
  TIDEGATE_TRY(ReadLogprobs(object, out));
  const std::optional<json::Value> message = FindSet(object, "message");
  if (message && !message->is_object()) return MalformedAnswer(message->Mismatch("an object"));
  TIDEGATE_TRY(ReadMessage(message ? *message->Object() : object, out));
  if (!*is_done) return FrameKind::kChunk;
  ReadEnd(object, out);
  return FrameKind::kDone;
}

// {"content", "thinking", "tool_calls"}; of a prompt "response" in place of "content".
Result<void> AnswerReader::ReadMessage(const json::Object& message, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::string_view thinking, ReadString(message, "thinking"));
  if (!thinking.empty()) out.emplace_back(core::ReasoningEvent{0, thinking});
  for (const std::string_view key : {"content", "response"}) {
    TIDEGATE_ASSIGN(const std::string_view text, ReadString(message, key));
    if (!text.empty()) out.emplace_back(core::TextEvent{0, text});
  }
  const std::optional<json::Value> calls = FindSet(message, "tool_calls");
  return calls ? ReadToolCalls(*calls, out) : Result<void>();
}

// Each is a whole call, and all of one answer are numbered here: servers number them by message, or
// not at all.
Result<void> AnswerReader::ReadToolCalls(const json::Value& calls, std::vector<core::Event>& out) {
  if (!calls.is_array()) return MalformedAnswer(calls.Mismatch("an array"));
  const json::Array array = *calls.Array();
  for (const json::Value call : array) {
    if (!call.is_object()) return MalformedAnswer(call.Mismatch("an object"));
    const std::optional<json::Value> function = FindSet(*call.Object(), "function");
    if (!function || !function->is_object()) return MalformedAnswer("has a call of no function");
    if (calls_ == static_cast<std::int64_t>(kToolCallsPerAnswerMax)) {
      return MalformedAnswer("has too many tool calls");
    }
    core::ToolCallEvent event;
    event.index = calls_++;
    TIDEGATE_ASSIGN(event.id, ReadString(*call.Object(), "id"));
    TIDEGATE_ASSIGN(event.name, ReadString(*function->Object(), "name"));
    event.arguments = "{}";
    if (const std::optional<json::Value> arguments = FindSet(*function->Object(), "arguments")) {
      // Servers that imitate this protocol may send the text of the object.
      event.arguments = arguments->is_string() ? *arguments->String() : arguments->raw();
    }
    out.emplace_back(event);
  }
  return {};
}

// A list in the shape of OpenAI's entries; they pass through as text, without the brackets.
Result<void> AnswerReader::ReadLogprobs(const json::Object& object,
                                        std::vector<core::Event>& out) const {
  const std::optional<json::Value> entries = FindSet(object, "logprobs");
  if (!entries) return {};
  if (!entries->is_array()) return MalformedAnswer(entries->Mismatch("an array"));
  if (entries->Array()->empty()) return {};
  std::string_view raw = entries->raw();
  raw.remove_prefix(1);
  raw.remove_suffix(1);
  out.emplace_back(core::LogprobsEvent{.choice = 0, .content = raw, .refusal = false});
  return {};
}

void AnswerReader::ReadEnd(const json::Object& object, std::vector<core::Event>& out) const {
  core::FinishReason reason = core::FinishReason::kStop;
  if (StringOrEmpty(object, "done_reason") == "length") {
    reason = core::FinishReason::kLength;
  } else if (calls_ > 0) {
    reason = core::FinishReason::kToolCalls;
  }
  out.emplace_back(core::FinishEvent{0, reason, {}});
  if (const std::optional<core::Usage> usage = ReadUsage(object)) {
    out.emplace_back(core::UsageEvent{*usage});
  }
}

Result<FrameKind> FrameReader::Read(std::string_view frame, std::vector<core::Event>& out) {
  const std::string_view text = ndjson::Text(frame);
  if (text.empty()) return FrameKind::kIdle;
  if (done_ || failed_) return FrameKind::kIgnored;
  const std::size_t before = out.size();
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(text, sse::kFrameBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  Result<FrameKind> kind = answer_.ReadObject(*root, out);
  if (!kind.ok()) {
    out.resize(before);
    return std::move(kind).error();
  }
  if (*kind == FrameKind::kDone) out.emplace_back(core::DoneEvent{});
  done_ = *kind == FrameKind::kDone;
  failed_ = *kind == FrameKind::kError;
  return kind;
}

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out) {
  const std::size_t before = out.size();
  const Result<FrameKind> kind = AnswerReader().ReadObject(root, out);
  if (kind.ok() && *kind != FrameKind::kChunk) return {};
  out.resize(before);
  if (!kind.ok()) return kind.error();
  return MalformedAnswer("is not done");
}

}  // namespace tidegate::protocols::ollama
