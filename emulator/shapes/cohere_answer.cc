#include <algorithm>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/shapes/cohere.h"
#include "emulator/vectors.h"
#include "json/writer.h"

namespace tidegate::emulator::cohere {
namespace {

constexpr std::size_t kDocumentsPerSearchUnit = 100;
constexpr std::string_view kToolPlan = "[emulated] I will call the tools.";

const Extra& ExtraOf(const Reply& reply) { return static_cast<const Extra&>(*reply.request.extra); }

std::string_view FinishReason(const Choice& choice) {
  if (!choice.stop_sequence.empty()) return "STOP_SEQUENCE";
  switch (choice.finish) {
    case Finish::kStop:
      return "COMPLETE";
    case Finish::kLength:
      return "MAX_TOKENS";
    case Finish::kToolCalls:
      return "TOOL_CALL";
  }
  return "COMPLETE";
}

void WriteUsage(json::Writer& writer, const Reply& reply) {
  const Usage usage = Told(reply.answer.usage, reply.faults);
  writer.Key("usage").BeginObject();
  for (const std::string_view key : {"billed_units", "tokens"}) {
    writer.Key(key).BeginObject().Key("input_tokens").Integer(usage.prompt);
    writer.Key("output_tokens").Integer(usage.completion).EndObject();
  }
  writer.Key("cached_tokens").Integer(usage.cached).EndObject();
}

void WriteCall(json::Writer& writer, const Choice& choice, const Token& name,
               std::string_view arguments) {
  writer.BeginObject().Key("id").String(choice.tool_call_ids[name.tool_call]);
  writer.Key("type").String("function").Key("function").BeginObject();
  writer.Key("name").String(name.text).Key("arguments").String(arguments);
  writer.EndObject().EndObject();
}

void WriteMessage(json::Writer& writer, const Choice& choice) {
  writer.Key("message").BeginObject().Key("role").String("assistant");
  if (Has(choice, TokenKind::kToolName)) {
    writer.Key("tool_plan").String(kToolPlan).Key("tool_calls").BeginArray();
    for (const Token& token : choice.tokens) {
      if (token.kind != TokenKind::kToolName) continue;
      WriteCall(writer, choice, token, Join(choice, TokenKind::kToolArguments, token.tool_call));
    }
    writer.EndArray();
  }
  writer.Key("content").BeginArray();
  if (Has(choice, TokenKind::kReasoning)) {
    writer.BeginObject().Key("type").String("thinking");
    writer.Key("thinking").String(Join(choice, TokenKind::kReasoning)).EndObject();
  }
  for (const TokenKind kind : {TokenKind::kText, TokenKind::kRefusal}) {
    if (!Has(choice, kind)) continue;
    writer.BeginObject().Key("type").String("text").Key("text").String(Join(choice, kind));
    writer.EndObject();
  }
  writer.EndArray().EndObject();
}

class ChatFrames final : public Frames {
 public:
  explicit ChatFrames(const Reply& reply) : reply_(reply) {}

  void Open(std::size_t, std::string& out) override {
    std::string data;
    json::Writer writer(data);
    writer.BeginObject().Key("id").String(reply_.answer.id).Key("type").String("message-start");
    writer.Key("delta").BeginObject().Key("message").BeginObject();
    writer.Key("role").String("assistant").Key("content").BeginArray().EndArray();
    writer.Key("tool_plan").String("").Key("tool_calls").BeginArray().EndArray();
    writer.Key("citations").BeginArray().EndArray().EndObject().EndObject().EndObject();
    AppendEvent(out, "message-start", data);
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
    Close(out);
    std::string data;
    json::Writer writer(data);
    writer.BeginObject().Key("type").String("message-end").Key("delta").BeginObject();
    writer.Key("finish_reason").String(FinishReason(reply_.answer.choices[choice]));
    if (TellsUsage(reply_.faults)) WriteUsage(writer, reply_);
    writer.EndObject().EndObject();
    AppendEvent(out, "message-end", data);
  }

  void End(std::string& out) override {
    if (!reply_.faults.no_done.value_or(false)) AppendEvent(out, {}, "[DONE]");
  }

  void Fail(std::string& out) override {
    std::string data;
    json::Writer writer(data);
    writer.BeginObject().Key("type").String("message-end").Key("delta").BeginObject();
    writer.Key("finish_reason").String("ERROR").Key("error").String(kFailedMidway);
    writer.EndObject().EndObject();
    AppendEvent(out, "message-end", data);
  }

  void Malformed(std::string& out) override {
    AppendEvent(out, "content-delta", R"({"type":"content-delta","index":0,"delta":{)");
  }

 private:
  // {"type": …, "index": …, "delta": {"message": {<member>}}}
  void Event(std::string_view type, bool indexed, std::string_view member, std::string& out) {
    std::string data = fmt::format(R"({{"type":"{}")", type);
    if (indexed) data += fmt::format(R"(,"index":{})", index_);
    if (!member.empty()) data += fmt::format(R"(,"delta":{{"message":{{{}}}}})", member);
    data += '}';
    AppendEvent(out, type, data);
  }
  static std::string Quoted(std::string_view text) {
    std::string quoted;
    json::Writer(quoted).String(text);
    return quoted;
  }
  void Close(std::string& out) {
    if (!open_) return;
    if (!held_.empty()) Arguments(held_, out);
    held_.clear();
    Event(*open_ == TokenKind::kToolName ? "tool-call-end" : "content-end", true, {}, out);
    ++index_;
    open_.reset();
  }
  void Arguments(std::string_view text, std::string& out) {
    Event("tool-call-delta", true,
          fmt::format(R"("tool_calls":{{"function":{{"arguments":{}}}}})", Quoted(text)), out);
  }
  void WriteRun(const Choice& from, std::size_t begin, std::size_t end, std::string& out);
  void OpenCall(const Choice& from, const Token& name, std::string& out);

  const Reply& reply_;
  std::int64_t index_ = 0;
  std::optional<TokenKind> open_;
  bool planned_ = false;
  std::string held_;
};

void ChatFrames::OpenCall(const Choice& from, const Token& name, std::string& out) {
  if (!planned_) {
    planned_ = true;
    index_ = 0;  // calls are counted by themselves
    Event("tool-plan-delta", false, fmt::format(R"("tool_plan":{})", Quoted(kToolPlan)), out);
  }
  std::string call = "\"tool_calls\":";
  json::Writer writer(call);
  WriteCall(writer, from, name, "");
  Event("tool-call-start", true, call, out);
}

void ChatFrames::WriteRun(const Choice& from, std::size_t begin, std::size_t end,
                          std::string& out) {
  const Token& first = from.tokens[begin];
  const std::string text = JoinRange(from, begin, end);
  if (first.kind == TokenKind::kToolArguments) {
    if (reply_.faults.whole_tool_calls.value_or(false)) {
      held_ += text;
    } else {
      Arguments(text, out);
    }
    return;
  }
  if (first.kind == TokenKind::kToolName) {
    Close(out);
    OpenCall(from, first, out);
    open_ = first.kind;
    return;
  }
  const std::string_view key = first.kind == TokenKind::kReasoning ? "thinking" : "text";
  if (open_ != first.kind) {
    Close(out);
    open_ = first.kind;
    Event("content-start", true, fmt::format(R"("content":{{"type":"{0}","{0}":""}})", key), out);
  }
  Event("content-delta", true, fmt::format(R"("content":{{"{}":{}}})", key, Quoted(text)), out);
}

void WriteMeta(json::Writer& writer, std::string_view unit, std::int64_t count) {
  writer.Key("meta").BeginObject().Key("api_version").BeginObject();
  writer.Key("version").String("2").EndObject().Key("billed_units").BeginObject();
  writer.Key(unit).Integer(count).EndObject().EndObject();
}

void WriteEmbeddings(const Reply& reply, std::string& out) {
  const std::int64_t asked = ExtraOf(reply).dimensions;
  const auto dimensions =
      static_cast<std::size_t>(asked > 0 ? asked : reply.model.quirks.embedding_dimensions);
  json::Writer writer(out);
  writer.BeginObject().Key("id").String(reply.answer.id).Key("texts").BeginArray();
  for (const Message& message : reply.request.messages) writer.String(message.text);
  writer.EndArray().Key("embeddings").BeginObject();
  for (const bool packed : {false, true}) {
    if (packed ? !ExtraOf(reply).base64 : !ExtraOf(reply).floats) continue;
    writer.Key(packed ? "base64" : "float").BeginArray();
    for (const Message& message : reply.request.messages) {
      const std::vector<double> vector = EmbedText(message.text, dimensions);
      packed ? void(writer.String(PackVector(vector))) : WriteVector(writer, vector);
    }
    writer.EndArray();
  }
  writer.EndObject();
  WriteMeta(writer, "input_tokens", reply.answer.usage.prompt);
  writer.Key("response_type").String("embeddings_by_type").EndObject();
}

void WriteRanking(const Reply& reply, std::string& out) {
  const std::vector<Message>& messages = reply.request.messages;
  std::vector<std::string_view> documents;
  for (std::size_t i = 1; i < messages.size(); ++i) documents.push_back(messages[i].text);
  const std::int64_t top = ExtraOf(reply).top;
  const std::size_t wanted = top > 0 ? static_cast<std::size_t>(top) : documents.size();
  json::Writer writer(out);
  writer.BeginObject().Key("id").String(reply.answer.id).Key("results").BeginArray();
  for (const Ranked& ranked : Rank(messages.front().text, documents, wanted)) {
    writer.BeginObject().Key("index").Integer(static_cast<std::int64_t>(ranked.index));
    writer.Key("relevance_score").Double(ranked.score).EndObject();
  }
  writer.EndArray();
  const std::size_t units =
      (documents.size() + kDocumentsPerSearchUnit - 1) / kDocumentsPerSearchUnit;
  WriteMeta(writer, "search_units", static_cast<std::int64_t>(units));
  writer.EndObject();
}

}  // namespace

void WriteWhole(const Reply& reply, std::string& out) {
  if (ExtraOf(reply).operation == kEmbed) {
    WriteEmbeddings(reply, out);
    return;
  }
  if (ExtraOf(reply).operation == kRerank) {
    WriteRanking(reply, out);
    return;
  }
  const Choice& choice = reply.answer.choices.front();
  json::Writer writer(out);
  writer.BeginObject().Key("id").String(reply.answer.id);
  writer.Key("finish_reason").String(FinishReason(choice));
  WriteMessage(writer, choice);
  if (TellsUsage(reply.faults)) WriteUsage(writer, reply);
  writer.EndObject();
}

std::unique_ptr<Frames> MakeFrames(const Reply& reply) {
  return std::make_unique<ChatFrames>(reply);
}

}  // namespace tidegate::emulator::cohere
