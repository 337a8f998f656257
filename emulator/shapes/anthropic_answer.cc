#include <algorithm>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/seal.h"
#include "emulator/shapes/anthropic.h"

namespace tidegate::emulator::anthropic {
namespace {

std::string_view StopReason(const Choice& choice) {
  if (Has(choice, TokenKind::kRefusal)) return "refusal";
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

void WriteStop(json::Writer& writer, const Choice& choice) {
  writer.Key("stop_reason").String(StopReason(choice));
  writer.Key("stop_sequence");
  choice.stop_sequence.empty() ? writer.Null() : writer.String(choice.stop_sequence);
}

void WriteInput(json::Writer& writer, const Usage& usage, bool an_hour) {
  writer.Key("input_tokens").Integer(usage.prompt - usage.cached - usage.cache_written);
  writer.Key("cache_creation_input_tokens").Integer(usage.cache_written);
  writer.Key("cache_read_input_tokens").Integer(usage.cached);
  writer.Key("cache_creation").BeginObject();
  writer.Key("ephemeral_5m_input_tokens").Integer(an_hour ? 0 : usage.cache_written);
  writer.Key("ephemeral_1h_input_tokens").Integer(an_hour ? usage.cache_written : 0);
  writer.EndObject();
}

void WriteUsage(json::Writer& writer, const Reply& reply, std::int64_t output) {
  const Usage usage = Told(reply.answer.usage, reply.faults);
  writer.Key("usage").BeginObject();
  WriteInput(writer, usage, reply.request.cache_for_an_hour);
  writer.Key("output_tokens").Integer(output);
  writer.Key("output_tokens_details").BeginObject();
  writer.Key("thinking_tokens").Integer(std::min(output, usage.reasoning)).EndObject();
  writer.Key("service_tier").String("standard");
  writer.EndObject();
}

void WriteHead(json::Writer& writer, const Reply& reply) {
  writer.Key("id").String("msg_" + reply.answer.id);
  writer.Key("type").String("message").Key("role").String("assistant");
  writer.Key("model").String(reply.answer.model);
}

// The signature of a thought, which is the first block of the answer.
std::string Sign(const Reply& reply, std::string_view text) {
  const std::string place = ThoughtPlace(UserTurn(reply.request), 0);
  const std::string_view bound[] = {place, text};
  return MakeSeal(kThinkingSeal, bound);
}

void WriteRedacted(json::Writer& writer, const Reply& reply, std::string_view text) {
  const std::string place = ThoughtPlace(UserTurn(reply.request), 0);
  const std::string_view bound[] = {place};
  writer.Key("type").String("redacted_thinking");
  writer.Key("data").String(MakeSeal(kRedactedSeal, bound, text));
}

void WriteContent(json::Writer& writer, const Reply& reply, const Choice& choice) {
  writer.Key("content").BeginArray();
  if (Has(choice, TokenKind::kReasoning)) {
    const std::string text = Join(choice, TokenKind::kReasoning);
    writer.BeginObject();
    if (reply.faults.redacted_thinking.value_or(false)) {
      WriteRedacted(writer, reply, text);
    } else {
      writer.Key("type").String("thinking").Key("thinking").String(text);
      writer.Key("signature").String(Sign(reply, text));
    }
    writer.EndObject();
  }
  for (const TokenKind kind : {TokenKind::kText, TokenKind::kRefusal}) {
    if (!Has(choice, kind)) continue;
    writer.BeginObject().Key("type").String("text");
    writer.Key("text").String(Join(choice, kind)).EndObject();
  }
  for (const Token& token : choice.tokens) {
    if (token.kind != TokenKind::kToolName) continue;
    const std::string arguments = Join(choice, TokenKind::kToolArguments, token.tool_call);
    writer.BeginObject().Key("type").String("tool_use");
    writer.Key("id").String(choice.tool_call_ids[token.tool_call]);
    writer.Key("name").String(token.text);
    // An answer that ended by its length may hold half an object, which the model's text is not.
    writer.Key("input").Raw(choice.finish == Finish::kLength ? "{}" : arguments);
    writer.EndObject();
  }
  writer.EndArray();
}

class MessageFrames final : public Frames {
 public:
  explicit MessageFrames(const Reply& reply) : reply_(reply) {}

  void Open(std::size_t, std::string& out) override {
    Event event(out, "message_start");
    event.writer.Key("message").BeginObject();
    WriteHead(event.writer, reply_);
    event.writer.Key("content").BeginArray().EndArray();
    event.writer.Key("stop_reason").Null().Key("stop_sequence").Null();
    if (TellsUsage(reply_.faults)) WriteUsage(event.writer, reply_, 1);
    event.writer.EndObject();
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
    const Choice& from = reply_.answer.choices[choice];
    Event event(out, "message_delta");
    event.writer.Key("delta").BeginObject();
    WriteStop(event.writer, from);
    event.writer.EndObject();
    if (!TellsUsage(reply_.faults)) return;
    WriteUsage(event.writer, reply_, Told(reply_.answer.usage, reply_.faults).completion);
  }

  void End(std::string& out) override {
    if (reply_.faults.no_done.value_or(false)) return;
    const Event event(out, "message_stop");
  }

  void Fail(std::string& out) override {
    std::string error;
    WriteError(Refusal{529, Unavailable(ErrorSource::kUpstream, std::string(kFailedMidway))},
               error);
    AppendEvent(out, "error", error);
  }

  void Malformed(std::string& out) override {
    AppendEvent(out, "content_block_delta", R"({"type":"content_block_delta","index":0,"delta":{)");
  }

 private:
  // One event, ended by its destruction.
  struct Event {
    Event(std::string& to, std::string_view type) : out(to), writer(to) {
      out += "event: ";
      out += type;
      out += "\ndata: ";
      writer.BeginObject().Key("type").String(type);
    }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() {
      writer.EndObject();
      out += "\n\n";
    }
    std::string& out;
    json::Writer writer;
  };

  bool redacts() const { return reply_.faults.redacted_thinking.value_or(false); }
  void OpenBlock(const Choice& from, const Token& token, std::string& out);
  void CloseBlock(std::string& out);
  void WriteRun(const Choice& from, std::size_t begin, std::size_t end, std::string& out);
  void Delta(std::string& out, std::string_view type, std::string_view key, std::string_view text);

  const Reply& reply_;
  std::int64_t block_ = -1;
  std::optional<Token> open_;  // the first token of the open block
  std::string thought_;
  std::string held_;  // arguments that come whole
};

void MessageFrames::OpenBlock(const Choice& from, const Token& token, std::string& out) {
  ++block_;
  open_ = token;
  {
    Event event(out, "content_block_start");
    json::Writer& writer = event.writer;
    writer.Key("index").Integer(block_).Key("content_block").BeginObject();
    switch (token.kind) {
      case TokenKind::kReasoning:
        if (redacts()) {
          WriteRedacted(writer, reply_, Join(from, TokenKind::kReasoning));
          break;
        }
        writer.Key("type").String("thinking").Key("thinking").String("");
        writer.Key("signature").String("");
        break;
      case TokenKind::kText:
      case TokenKind::kRefusal:
        writer.Key("type").String("text").Key("text").String("");
        break;
      case TokenKind::kToolName:
      case TokenKind::kToolArguments:
        writer.Key("type").String("tool_use");
        writer.Key("id").String(from.tool_call_ids[token.tool_call]);
        writer.Key("name").String(token.text).Key("input").BeginObject().EndObject();
        break;
    }
    writer.EndObject();
  }
  if (block_ == 0) const Event ping(out, "ping");
  if (token.kind == TokenKind::kToolName) Delta(out, "input_json_delta", "partial_json", "");
}

void MessageFrames::CloseBlock(std::string& out) {
  if (!open_) return;
  if (open_->kind == TokenKind::kReasoning && !redacts()) {
    Delta(out, "signature_delta", "signature", Sign(reply_, thought_));
  }
  if (!held_.empty()) Delta(out, "input_json_delta", "partial_json", held_);
  held_.clear();
  open_.reset();
  Event event(out, "content_block_stop");
  event.writer.Key("index").Integer(block_);
}

void MessageFrames::Delta(std::string& out, std::string_view type, std::string_view key,
                          std::string_view text) {
  Event event(out, "content_block_delta");
  event.writer.Key("index").Integer(block_).Key("delta").BeginObject();
  event.writer.Key("type").String(type).Key(key).String(text).EndObject();
}

void MessageFrames::WriteRun(const Choice& from, std::size_t begin, std::size_t end,
                             std::string& out) {
  const Token& first = from.tokens[begin];
  const std::string text = JoinRange(from, begin, end);
  const bool goes_on = open_ && first.kind != TokenKind::kToolName &&
                       (first.kind == TokenKind::kToolArguments || open_->kind == first.kind);
  if (!goes_on) {
    CloseBlock(out);
    OpenBlock(from, first, out);
  }
  switch (first.kind) {
    case TokenKind::kReasoning:
      thought_ += text;
      if (!redacts()) Delta(out, "thinking_delta", "thinking", text);
      break;
    case TokenKind::kText:
    case TokenKind::kRefusal:
      Delta(out, "text_delta", "text", text);
      break;
    case TokenKind::kToolName:
      break;
    case TokenKind::kToolArguments:
      if (reply_.faults.whole_tool_calls.value_or(false)) {
        held_ += text;
      } else {
        Delta(out, "input_json_delta", "partial_json", text);
      }
      break;
  }
}

std::string_view ErrorType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 504:
      return "timeout_error";
    case 529:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

// "messages[0].content" as "messages.0.content".
std::string DottedPath(std::string_view path) {
  std::string dotted;
  for (const char c : path) {
    if (c == '[') dotted += '.';
    if (c != '[' && c != ']') dotted += c;
  }
  return dotted;
}

}  // namespace

void WriteWhole(const Reply& reply, std::string& out) {
  json::Writer writer(out);
  if (reply.request.task == TaskKind::kCountTokens) {
    writer.BeginObject().Key("input_tokens").Integer(reply.answer.usage.prompt).EndObject();
    return;
  }
  const Choice& choice = reply.answer.choices.front();
  writer.BeginObject();
  WriteHead(writer, reply);
  WriteContent(writer, reply, choice);
  WriteStop(writer, choice);
  if (TellsUsage(reply.faults)) {
    WriteUsage(writer, reply, Told(reply.answer.usage, reply.faults).completion);
  }
  writer.EndObject();
}

std::unique_ptr<Frames> MakeFrames(const Reply& reply) {
  return std::make_unique<MessageFrames>(reply);
}

void WriteError(const Refusal& refusal, std::string& out) {
  const Error& error = refusal.error;
  json::Writer writer(out);
  writer.BeginObject().Key("type").String("error").Key("error").BeginObject();
  writer.Key("type").String(ErrorType(refusal.status));
  writer.Key("message").String(
      error.field.empty() ? error.message : DottedPath(error.field) + ": " + error.message);
  writer.EndObject().Key("request_id").String("req_emulated").EndObject();
}

}  // namespace tidegate::emulator::anthropic
