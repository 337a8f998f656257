#include <algorithm>

#include <fmt/format.h>

#include "base/clock.h"
#include "emulator/fields.h"
#include "emulator/shapes/ollama.h"
#include "emulator/vectors.h"
#include "json/writer.h"
#include "net/deadline.h"

namespace tidegate::emulator::ollama {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kLoadNanos = 1'000'000;
constexpr std::int64_t kContextTokens = 3;  // the token numbers of /api/generate mean nothing here

const Extra& ExtraOf(const Reply& reply) { return static_cast<const Extra&>(*reply.request.extra); }

void WriteHead(json::Writer& writer, const Reply& reply) {
  writer.Key("model").String(reply.answer.model);
  if (!reply.model.quirks.remote_host.empty()) {
    writer.Key("remote_model").String(reply.answer.model);
    writer.Key("remote_host").String(reply.model.quirks.remote_host);
  }
  writer.Key("created_at").String(FormatUtc(reply.answer.created_s * kSecond));
}

void WriteCall(json::Writer& writer, const Choice& choice, const Token& name) {
  const bool cut = choice.finish == emulator::Finish::kLength;
  const std::string arguments = Join(choice, TokenKind::kToolArguments, name.tool_call);
  writer.BeginObject().Key("id").String(choice.tool_call_ids[name.tool_call]);
  writer.Key("function").BeginObject().Key("index").Integer(name.tool_call);
  writer.Key("name").String(name.text);
  writer.Key("arguments").Raw(cut || arguments.empty() ? "{}" : arguments);
  writer.EndObject().EndObject();
}

void WriteNumbers(json::Writer& writer, const Reply& reply) {
  const std::int64_t total = net::MonotonicNow() - reply.started_nanos;
  const std::int64_t prompt = (total - kLoadNanos) / 4;
  const Usage usage = Told(reply.answer.usage, reply.faults);
  writer.Key("total_duration").Integer(total).Key("load_duration").Integer(kLoadNanos);
  if (!TellsUsage(reply.faults)) return;
  writer.Key("prompt_eval_count").Integer(usage.prompt);
  writer.Key("prompt_eval_duration").Integer(std::max<std::int64_t>(1, prompt));
  writer.Key("eval_count").Integer(usage.completion);
  writer.Key("eval_duration").Integer(std::max<std::int64_t>(1, total - kLoadNanos - prompt));
}

void WriteDone(json::Writer& writer, const Reply& reply) {
  const bool cut = reply.answer.choices.front().finish == emulator::Finish::kLength;
  writer.Key("done").Bool(true).Key("done_reason").String(cut ? "length" : "stop");
  if (ExtraOf(reply).operation == kGenerate) {
    writer.Key("context").BeginArray();
    for (std::int64_t i = 1; i <= kContextTokens; ++i) writer.Integer(i);
    writer.EndArray();
  }
  WriteNumbers(writer, reply);
}

struct Said {
  std::string text, thinking, calls;
};

// What the tokens [begin, end) say; a call waits for its last token.
Said Collect(const Choice& choice, std::size_t begin, std::size_t end) {
  Said said;
  for (std::size_t i = begin; i < end; ++i) {
    const Token& token = choice.tokens[i];
    if (token.kind == TokenKind::kText || token.kind == TokenKind::kRefusal)
      said.text += token.text;
    if (token.kind == TokenKind::kReasoning) said.thinking += token.text;
    const bool last =
        token.kind == TokenKind::kToolArguments &&
        (i + 1 == choice.tokens.size() || choice.tokens[i + 1].tool_call != token.tool_call);
    if (!last) continue;
    for (const Token& name : choice.tokens) {
      if (name.kind != TokenKind::kToolName || name.tool_call != token.tool_call) continue;
      if (!said.calls.empty()) said.calls += ',';
      json::Writer writer(said.calls);
      WriteCall(writer, choice, name);
    }
  }
  return said;
}

void WriteSaid(json::Writer& writer, const Reply& reply, const Said& said) {
  if (ExtraOf(reply).operation == kGenerate) {
    writer.Key("response").String(said.text);
    if (!said.thinking.empty()) writer.Key("thinking").String(said.thinking);
    return;
  }
  writer.Key("message").BeginObject().Key("role").String("assistant");
  writer.Key("content").String(said.text);
  if (!said.thinking.empty()) writer.Key("thinking").String(said.thinking);
  if (!said.calls.empty()) writer.Key("tool_calls").Raw("[" + said.calls + "]");
  writer.EndObject();
}

// One line of JSON after the other.
class LineFrames final : public Frames {
 public:
  explicit LineFrames(const Reply& reply) : reply_(reply) {}

  void Open(std::size_t, std::string&) override {}

  void Tokens(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) override {
    const Choice& from = reply_.answer.choices[choice];
    while (begin < end) {
      const std::size_t run = RunEnd(from, begin, end);
      const Said said = Collect(from, begin, run);
      begin = run;
      if (said.text.empty() && said.thinking.empty() && said.calls.empty()) continue;
      json::Writer writer(out);
      writer.BeginObject();
      WriteHead(writer, reply_);
      WriteSaid(writer, reply_, said);
      writer.Key("done").Bool(false).EndObject();
      out += '\n';
    }
  }

  void Finish(std::size_t, std::string&) override {}

  void End(std::string& out) override {
    if (reply_.faults.no_done.value_or(false)) return;
    json::Writer writer(out);
    writer.BeginObject();
    WriteHead(writer, reply_);
    WriteSaid(writer, reply_, Said());
    WriteDone(writer, reply_);
    writer.EndObject();
    out += '\n';
  }

  void Fail(std::string& out) override {
    json::Writer writer(out);
    writer.BeginObject().Key("error").String(kFailedMidway).EndObject();
    out += '\n';
  }

  void Malformed(std::string& out) override { out += "{\"model\":\"emulated\",\"message\":{\n"; }

 private:
  const Reply& reply_;
};

void WriteEmbeddings(const Reply& reply, std::string& out) {
  const std::int64_t asked = ExtraOf(reply).dimensions;
  const auto dimensions =
      static_cast<std::size_t>(asked > 0 ? asked : reply.model.quirks.embedding_dimensions);
  json::Writer writer(out);
  writer.BeginObject().Key("model").String(reply.answer.model).Key("embeddings").BeginArray();
  for (const Message& message : reply.request.messages) {
    WriteVector(writer, EmbedText(message.text, dimensions));
  }
  writer.EndArray();
  writer.Key("total_duration").Integer(net::MonotonicNow() - reply.started_nanos);
  writer.Key("load_duration").Integer(kLoadNanos);
  writer.Key("prompt_eval_count").Integer(reply.answer.usage.prompt).EndObject();
}

}  // namespace

void WriteWhole(const Reply& reply, std::string& out) {
  if (reply.request.task == TaskKind::kEmbed) {
    WriteEmbeddings(reply, out);
    return;
  }
  json::Writer writer(out);
  writer.BeginObject();
  WriteHead(writer, reply);
  if (reply.request.task == TaskKind::kCountTokens) {
    WriteSaid(writer, reply, Said());
    writer.Key("done").Bool(true);
    writer.Key("done_reason").String(ExtraOf(reply).unloads ? "unload" : "load");
  } else {
    const Choice& choice = reply.answer.choices.front();
    WriteSaid(writer, reply, Collect(choice, 0, choice.tokens.size()));
    WriteDone(writer, reply);
  }
  writer.EndObject();
}

std::unique_ptr<Frames> MakeFrames(const Reply& reply) {
  return std::make_unique<LineFrames>(reply);
}

}  // namespace tidegate::emulator::ollama
