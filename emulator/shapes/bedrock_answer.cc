#include <fmt/format.h>

#include "base/check.h"
#include "emulator/fields.h"
#include "emulator/seal.h"
#include "emulator/shapes/bedrock.h"
#include "json/writer.h"
#include "net/deadline.h"
#include "net/limits.h"
#include "protocols/aws_event_stream/message.h"

namespace tidegate::emulator::bedrock {
namespace {

namespace stream = protocols::aws_event_stream;

std::string_view StopReason(const Choice& choice) {
  if (Has(choice, TokenKind::kRefusal)) return "content_filtered";
  if (!choice.stop_sequence.empty()) return "stop_sequence";
  switch (choice.finish) {
    case Finish::kStop:
      return "end_turn";
    case Finish::kLength:
      return "max_tokens";
    case Finish::kToolCalls:
      return "tool_use";
  }
  return "end_turn";
}

bool Redacts(const Reply& reply) { return reply.faults.redacted_thinking.value_or(false); }

std::string SealRedacted(const Reply& reply, std::string_view text) {
  const std::string turn = UserTurn(reply.request);
  const std::string_view bound[] = {turn, {}};
  return MakeSeal(kReasoningSeal, bound, text);
}

void WriteUsageAndMetrics(json::Writer& writer, const Reply& reply) {
  if (TellsUsage(reply.faults)) {
    const Usage usage = Told(reply.answer.usage, reply.faults);
    writer.Key("usage").BeginObject();
    writer.Key("inputTokens").Integer(usage.prompt - usage.cached - usage.cache_written);
    writer.Key("outputTokens").Integer(usage.completion);
    writer.Key("totalTokens").Integer(Sum(usage.prompt, usage.completion));
    writer.Key("cacheReadInputTokens").Integer(usage.cached);
    writer.Key("cacheWriteInputTokens").Integer(usage.cache_written);
    writer.EndObject();
  }
  writer.Key("metrics").BeginObject().Key("latencyMs");
  writer.Integer((net::MonotonicNow() - reply.started_nanos) / net::kMillisecond).EndObject();
}

void WriteReasoning(json::Writer& writer, const Reply& reply, const Choice& choice) {
  const std::string text = Join(choice, TokenKind::kReasoning);
  writer.BeginObject().Key("reasoningContent").BeginObject();
  if (Redacts(reply)) {
    writer.Key("redactedContent").String(SealRedacted(reply, text));
  } else {
    writer.Key("reasoningText").BeginObject().Key("text").String(text);
    writer.Key("signature").String(SignThought(UserTurn(reply.request), text)).EndObject();
  }
  writer.EndObject().EndObject();
}

void WriteContent(json::Writer& writer, const Reply& reply, const Choice& choice) {
  writer.Key("content").BeginArray();
  if (Has(choice, TokenKind::kReasoning)) WriteReasoning(writer, reply, choice);
  for (const TokenKind kind : {TokenKind::kText, TokenKind::kRefusal}) {
    if (Has(choice, kind)) writer.BeginObject().Key("text").String(Join(choice, kind)).EndObject();
  }
  for (const Token& token : choice.tokens) {
    if (token.kind != TokenKind::kToolName) continue;
    const std::string input = Join(choice, TokenKind::kToolArguments, token.tool_call);
    writer.BeginObject().Key("toolUse").BeginObject();
    writer.Key("toolUseId").String(choice.tool_call_ids[token.tool_call]);
    writer.Key("name").String(token.text);
    writer.Key("input").Raw(choice.finish == Finish::kLength || input.empty() ? "{}" : input);
    writer.EndObject().EndObject();
  }
  writer.EndArray();
}

void AppendFrame(std::string_view kind, std::string_view type, std::string_view payload,
                 std::string& out) {
  const stream::Header headers[] = {
      stream::TextHeader(kind == "event" ? ":event-type" : ":exception-type", type),
      stream::TextHeader(":content-type", "application/json"),
      stream::TextHeader(":message-type", kind)};
  CHECK(stream::AppendMessage(headers, payload, out).ok());
}

class ConverseFrames final : public Frames {
 public:
  explicit ConverseFrames(const Reply& reply) : reply_(reply) {}

  void Open(std::size_t, std::string& out) override {
    AppendFrame("event", "messageStart", R"({"role":"assistant"})", out);
  }

  void Tokens(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) override {
    const Choice& from = reply_.answer.choices[choice];
    while (begin < end) {
      const std::size_t run = RunEnd(from, begin, end);
      WriteRun(from, begin, run, out);
      begin = run;
    }
  }

  void Finish(std::size_t choice, std::string& out) override {
    CloseBlock(out);
    AppendFrame("event", "messageStop",
                fmt::format(R"({{"stopReason":"{}"}})", StopReason(reply_.answer.choices[choice])),
                out);
  }

  void End(std::string& out) override {
    if (reply_.faults.no_done.value_or(false)) return;
    std::string payload;
    json::Writer writer(payload);
    writer.BeginObject();
    WriteUsageAndMetrics(writer, reply_);
    writer.EndObject();
    AppendFrame("event", "metadata", payload, out);
  }

  void Fail(std::string& out) override {
    std::string payload;
    json::Writer writer(payload);
    writer.BeginObject().Key("message").String(kFailedMidway).EndObject();
    AppendFrame("exception", "modelStreamErrorException", payload, out);
  }

  void Malformed(std::string& out) override {
    AppendFrame("event", "contentBlockDelta", R"({"contentBlockIndex":0,"delta":{)", out);
  }

 private:
  // One event of the open block; `member` is a JSON member.
  void BlockEvent(std::string_view type, std::string_view member, std::string& out) {
    const std::string_view comma = member.empty() ? "" : ",";
    AppendFrame("event", type,
                fmt::format(R"({{"contentBlockIndex":{}{}{}}})", block_, comma, member), out);
  }
  void Delta(std::string_view outer, std::string_view inner, std::string_view text,
             std::string& out) {
    std::string member = "\"delta\":";
    json::Writer writer(member);
    writer.BeginObject();
    if (!outer.empty()) writer.Key(outer).BeginObject();
    writer.Key(inner).String(text);
    if (!outer.empty()) writer.EndObject();
    writer.EndObject();
    BlockEvent("contentBlockDelta", member, out);
  }
  void OpenBlock(const Choice& from, const Token& token, std::string& out);
  void CloseBlock(std::string& out);
  void WriteRun(const Choice& from, std::size_t begin, std::size_t end, std::string& out);

  const Reply& reply_;
  std::int64_t block_ = -1;
  std::optional<TokenKind> open_;
  std::string thought_, held_;
};

// Only a tool's block has a start event.
void ConverseFrames::OpenBlock(const Choice& from, const Token& token, std::string& out) {
  ++block_;
  open_ = token.kind;
  if (token.kind != TokenKind::kToolName) return;
  std::string member = "\"start\":";
  json::Writer writer(member);
  writer.BeginObject().Key("toolUse").BeginObject();
  writer.Key("toolUseId").String(from.tool_call_ids[token.tool_call]);
  writer.Key("name").String(token.text).EndObject().EndObject();
  BlockEvent("contentBlockStart", member, out);
}

void ConverseFrames::CloseBlock(std::string& out) {
  if (!open_) return;
  if (open_ == TokenKind::kReasoning) {
    if (Redacts(reply_)) {
      Delta("reasoningContent", "redactedContent", SealRedacted(reply_, thought_), out);
    } else {
      Delta("reasoningContent", "signature", SignThought(UserTurn(reply_.request), thought_), out);
    }
  }
  if (!held_.empty()) Delta("toolUse", "input", held_, out);
  held_.clear();
  BlockEvent("contentBlockStop", {}, out);
  open_.reset();
}

void ConverseFrames::WriteRun(const Choice& from, std::size_t begin, std::size_t end,
                              std::string& out) {
  const Token& first = from.tokens[begin];
  const std::string text = JoinRange(from, begin, end);
  const bool arguments = first.kind == TokenKind::kToolArguments;
  if (!open_ || (!arguments && (first.kind == TokenKind::kToolName || *open_ != first.kind))) {
    CloseBlock(out);
    OpenBlock(from, first, out);
  }
  switch (first.kind) {
    case TokenKind::kReasoning:
      thought_ += text;
      if (!Redacts(reply_)) Delta("reasoningContent", "text", text, out);
      break;
    case TokenKind::kText:
    case TokenKind::kRefusal:
      Delta({}, "text", text, out);
      break;
    case TokenKind::kToolName:
      break;
    case TokenKind::kToolArguments:
      if (reply_.faults.whole_tool_calls.value_or(false)) {
        held_ += text;
      } else {
        Delta("toolUse", "input", text, out);
      }
      break;
  }
}

}  // namespace

std::string_view ExceptionName(int status) {
  switch (status) {
    case 401:
    case 403:
      return "AccessDeniedException";
    case 404:
      return "ResourceNotFoundException";
    case 408:
      return "ModelTimeoutException";
    case 424:
      return "ModelErrorException";
    case 429:
      return "ThrottlingException";
    case 503:
      return "ServiceUnavailableException";
    default:
      return status < 500 ? "ValidationException" : "InternalServerException";
  }
}

void WriteWhole(const Reply& reply, std::string& out) {
  json::Writer writer(out);
  if (reply.request.task == TaskKind::kCountTokens) {
    writer.BeginObject().Key("inputTokens").Integer(reply.answer.usage.prompt).EndObject();
    return;
  }
  const Choice& choice = reply.answer.choices.front();
  writer.BeginObject().Key("output").BeginObject().Key("message").BeginObject();
  writer.Key("role").String("assistant");
  WriteContent(writer, reply, choice);
  writer.EndObject().EndObject();
  writer.Key("stopReason").String(StopReason(choice));
  WriteUsageAndMetrics(writer, reply);
  writer.EndObject();
}

std::unique_ptr<Frames> MakeFrames(const Reply& reply) {
  return std::make_unique<ConverseFrames>(reply);
}

}  // namespace tidegate::emulator::bedrock
