#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/shapes/gemini.h"
#include "emulator/vectors.h"
#include "json/writer.h"

namespace tidegate::emulator::gemini {
namespace {

const Extra& ExtraOf(const Reply& reply) { return static_cast<const Extra&>(*reply.request.extra); }

std::string_view FinishReason(const Choice& choice) {
  if (Has(choice, TokenKind::kRefusal)) return "SAFETY";
  return choice.finish == emulator::Finish::kLength ? "MAX_TOKENS" : "STOP";
}

void WriteTextPart(json::Writer& writer, std::string_view text, bool thought) {
  writer.BeginObject().Key("text").String(text);
  if (thought) writer.Key("thought").Bool(true);
  writer.EndObject();
}

// The call whose name is token `name`, which is never in pieces.
void WriteCall(json::Writer& writer, const Choice& choice, const Token& name) {
  const std::string arguments = Join(choice, TokenKind::kToolArguments, name.tool_call);
  const bool cut = choice.finish == emulator::Finish::kLength;
  writer.BeginObject().Key("functionCall").BeginObject();
  writer.Key("name").String(name.text);
  writer.Key("args").Raw(cut || arguments.empty() ? "{}" : arguments).EndObject();
  if (name.tool_call == 0) writer.Key("thoughtSignature").String(SignThought(name.text));
  writer.EndObject();
}

// The parts that the tokens [begin, end) are, of which each call waits for its last token.
void WriteParts(json::Writer& writer, const Reply& reply, const Choice& choice, std::size_t begin,
                std::size_t end) {
  for (std::size_t run; begin < end; begin = run) {
    run = RunEnd(choice, begin, end);
    const Token& first = choice.tokens[begin];
    switch (first.kind) {
      case TokenKind::kReasoning:
        if (ExtraOf(reply).include_thoughts) {
          WriteTextPart(writer, JoinRange(choice, begin, run), true);
        }
        break;
      case TokenKind::kText:
      case TokenKind::kRefusal:
        WriteTextPart(writer, JoinRange(choice, begin, run), false);
        break;
      case TokenKind::kToolName:
        break;
      case TokenKind::kToolArguments: {
        const bool last =
            run == choice.tokens.size() || choice.tokens[run].tool_call != first.tool_call;
        if (!last) break;
        for (const Token& token : choice.tokens) {
          const bool name = token.kind == TokenKind::kToolName;
          if (name && token.tool_call == first.tool_call) WriteCall(writer, choice, token);
        }
        break;
      }
    }
  }
}

void WriteUsage(json::Writer& writer, const Reply& reply, std::int64_t reasoning,
                std::int64_t completion) {
  Usage usage = reply.answer.usage;
  usage.completion = completion;
  usage = Told(usage, reply.faults);
  const std::int64_t said = usage.completion < 0 ? usage.completion : usage.completion - reasoning;
  writer.Key("usageMetadata").BeginObject();
  writer.Key("promptTokenCount").Integer(usage.prompt);
  if (said != 0) writer.Key("candidatesTokenCount").Integer(said);
  writer.Key("totalTokenCount").Integer(Sum(usage.prompt, usage.completion));
  if (usage.cached > 0) writer.Key("cachedContentTokenCount").Integer(usage.cached);
  writer.Key("promptTokensDetails").BeginArray().BeginObject();
  writer.Key("modality").String("TEXT").Key("tokenCount").Integer(usage.prompt);
  writer.EndObject().EndArray();
  if (reasoning > 0) writer.Key("thoughtsTokenCount").Integer(reasoning);
  writer.EndObject();
}

void WriteTail(json::Writer& writer, const Reply& reply) {
  writer.Key("modelVersion").String(reply.answer.model);
  writer.Key("responseId").String(reply.answer.id);
}

bool ThoughtBeforeText(const Choice& choice) {
  return Has(choice, TokenKind::kReasoning) && !Has(choice, TokenKind::kToolName);
}

// A signature that belongs to a text comes in a part of its own behind it.
void WriteTextSignature(json::Writer& writer) {
  writer.BeginObject().Key("text").String("");
  writer.Key("thoughtSignature").String(SignThought("")).EndObject();
}

class ContentFrames final : public Frames {
 public:
  explicit ContentFrames(const Reply& reply) : reply_(reply) {}

  void Open(std::size_t, std::string&) override {}

  void Tokens(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) override {
    const Choice& from = reply_.answer.choices[choice];
    for (std::size_t i = begin; i < end; ++i) {
      ++completion_;
      if (from.tokens[i].kind == TokenKind::kReasoning) ++reasoning_;
    }
    std::string parts;
    json::Writer writer(parts);
    writer.BeginArray();
    WriteParts(writer, reply_, from, begin, end);
    writer.EndArray();
    if (parts != "[]") Frame(choice, parts, {}, out);
  }

  void Finish(std::size_t choice, std::string& out) override {
    const Choice& from = reply_.answer.choices[choice];
    std::string parts;
    json::Writer writer(parts);
    writer.BeginArray();
    if (ThoughtBeforeText(from)) {
      WriteTextSignature(writer);
    } else {
      WriteTextPart(writer, "", false);
    }
    writer.EndArray();
    if (reply_.faults.no_done.value_or(false)) return;
    Frame(choice, parts, FinishReason(from), out);
  }

  void End(std::string& out) override {
    if (array() && !reply_.faults.no_done.value_or(false)) out += begun_ ? "\n]\n" : "[]\n";
  }

  void Fail(std::string& out) override {
    std::string error;
    WriteError(Refusal{503, Unavailable(ErrorSource::kUpstream, std::string(kFailedMidway))},
               error);
    Wrap(error, out);
    if (array()) out += "\n]\n";
  }

  void Malformed(std::string& out) override { Wrap(R"({"candidates":[{"content":{)", out); }

 private:
  bool array() const { return ExtraOf(reply_).array; }

  void Frame(std::size_t choice, std::string_view parts, std::string_view finish,
             std::string& out) {
    std::string text;
    json::Writer writer(text);
    writer.BeginObject().Key("candidates").BeginArray().BeginObject();
    writer.Key("content").BeginObject().Key("parts").Raw(parts);
    writer.Key("role").String("model").EndObject();
    if (!finish.empty()) writer.Key("finishReason").String(finish);
    writer.Key("index").Integer(static_cast<std::int64_t>(choice));
    writer.EndObject().EndArray();
    if (TellsUsage(reply_.faults)) WriteUsage(writer, reply_, reasoning_, completion_);
    WriteTail(writer, reply_);
    writer.EndObject();
    Wrap(text, out);
  }

  void Wrap(std::string_view text, std::string& out) {
    if (array()) {
      out += begun_ ? "\n,\r\n" : "[";
      out += text;
    } else {
      out += "data: ";
      out += text;
      out += "\r\n\r\n";
    }
    begun_ = true;
  }

  const Reply& reply_;
  bool begun_ = false;
  std::int64_t reasoning_ = 0, completion_ = 0;
};

void WriteEmbeddings(const Reply& reply, std::string& out) {
  const std::int64_t own = reply.model.quirks.embedding_dimensions;
  const std::int64_t asked = ExtraOf(reply).dimensions;
  const auto dimensions = static_cast<std::size_t>(asked > 0 ? asked : own);
  json::Writer writer(out);
  writer.BeginObject();
  const bool batch = ExtraOf(reply).operation == kBatchEmbed;
  writer.Key(batch ? "embeddings" : "embedding");
  if (batch) writer.BeginArray();
  for (const Message& message : reply.request.messages) {
    writer.BeginObject().Key("values");
    WriteVector(writer, EmbedText(message.text, dimensions));
    writer.EndObject();
  }
  if (batch) writer.EndArray();
  writer.EndObject();
}

std::string_view StatusName(int status) {
  switch (status) {
    case 401:
      return "UNAUTHENTICATED";
    case 403:
      return "PERMISSION_DENIED";
    case 404:
      return "NOT_FOUND";
    case 409:
      return "ABORTED";
    case 429:
      return "RESOURCE_EXHAUSTED";
    case 499:
      return "CANCELLED";
    case 503:
      return "UNAVAILABLE";
    case 504:
      return "DEADLINE_EXCEEDED";
    default:
      return status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
  }
}

void WriteDetails(json::Writer& writer, const Refusal& refusal) {
  constexpr std::string_view kTypes = "type.googleapis.com/google.rpc.";
  const Error& error = refusal.error;
  writer.Key("details").BeginArray();
  if (!error.reason.empty()) {
    writer.BeginObject().Key("@type").String(fmt::format("{}ErrorInfo", kTypes));
    writer.Key("reason").String(error.reason).Key("domain").String("googleapis.com").EndObject();
  }
  if (!error.field.empty()) {
    writer.BeginObject().Key("@type").String(fmt::format("{}BadRequest", kTypes));
    writer.Key("fieldViolations").BeginArray().BeginObject();
    writer.Key("field").String(error.field).Key("description").String(error.message);
    writer.EndObject().EndArray().EndObject();
  }
  if (refusal.status == 429) {
    writer.BeginObject().Key("@type").String(fmt::format("{}QuotaFailure", kTypes));
    writer.Key("violations").BeginArray().BeginObject();
    writer.Key("quotaMetric").String("emulated/generate_content_requests");
    writer.Key("quotaId").String("EmulatedRequestsPerMinute").EndObject().EndArray().EndObject();
  }
  if (error.retry_after_s > 0) {
    writer.BeginObject().Key("@type").String(fmt::format("{}RetryInfo", kTypes));
    writer.Key("retryDelay").String(fmt::format("{}s", error.retry_after_s)).EndObject();
  }
  writer.EndArray();
}

}  // namespace

void WriteWhole(const Reply& reply, std::string& out) {
  json::Writer writer(out);
  switch (reply.request.task) {
    case TaskKind::kCountTokens:
      writer.BeginObject().Key("totalTokens").Integer(reply.answer.usage.prompt);
      writer.Key("promptTokensDetails").BeginArray().BeginObject();
      writer.Key("modality").String("TEXT").Key("tokenCount");
      writer.Integer(reply.answer.usage.prompt).EndObject().EndArray().EndObject();
      return;
    case TaskKind::kEmbed:
      WriteEmbeddings(reply, out);
      return;
    case TaskKind::kChat:
    case TaskKind::kRerank:
      break;
  }
  writer.BeginObject().Key("candidates").BeginArray();
  for (std::size_t i = 0; i < reply.answer.choices.size(); ++i) {
    const Choice& choice = reply.answer.choices[i];
    writer.BeginObject().Key("content").BeginObject().Key("parts").BeginArray();
    WriteParts(writer, reply, choice, 0, choice.tokens.size());
    if (ThoughtBeforeText(choice)) WriteTextSignature(writer);
    writer.EndArray().Key("role").String("model").EndObject();
    writer.Key("finishReason").String(FinishReason(choice));
    writer.Key("index").Integer(static_cast<std::int64_t>(i)).EndObject();
  }
  writer.EndArray();
  const Usage& usage = reply.answer.usage;
  if (TellsUsage(reply.faults)) WriteUsage(writer, reply, usage.reasoning, usage.completion);
  WriteTail(writer, reply);
  writer.EndObject();
}

std::unique_ptr<Frames> MakeFrames(const Reply& reply) {
  return std::make_unique<ContentFrames>(reply);
}

void WriteError(const Refusal& refusal, std::string& out) {
  json::Writer writer(out);
  writer.BeginObject().Key("error").BeginObject();
  writer.Key("code").Integer(refusal.status);
  writer.Key("message").String(refusal.error.message);
  writer.Key("status").String(StatusName(refusal.status));
  WriteDetails(writer, refusal);
  writer.EndObject().EndObject();
}

}  // namespace tidegate::emulator::gemini
