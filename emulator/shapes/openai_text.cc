// The older and smaller calls of the OpenAI kind: completions of a text, embeddings, and reranking
// as llama-server and Jina have it.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/shapes/openai_chat.h"
#include "emulator/shapes/shapes.h"
#include "emulator/vectors.h"
#include "json/writer.h"

namespace tidegate::emulator {
namespace {

enum Operation { kCompletion, kEmbedding, kReranking };

constexpr std::size_t kInputsMax = 2'048;
constexpr std::size_t kDocumentsMax = 10'000;
constexpr std::int64_t kDimensionsMax = 4'096;

struct Route {
  std::string_view path;
  Operation operation;
};
constexpr std::array kRoutes = {
    Route{"/v1/completions", kCompletion}, Route{"/v1/embeddings", kEmbedding},
    Route{"/v1/rerank", kReranking},       Route{"/v1/reranking", kReranking},
    Route{"/rerank", kReranking},
};

struct Extra : RequestExtra {
  Operation operation = kCompletion;
  bool echo = false, base64 = false, documents = false;
  std::int64_t dimensions = 0;  // 0 = the model's
  std::int64_t top = 0;         // 0 = all
};

const Extra& ExtraOf(const Reply& reply) { return static_cast<const Extra&>(*reply.request.extra); }

void Push(ChatRequest& request, std::string_view role, std::string_view text) {
  request.messages.push_back({std::string(role), std::string(text), "",
                              kTokensPerMessage + TokensOfBytes(text.size()), false});
}

// One text, or an array of them; arrays of token numbers count by their size.
Result<void> ReadInputs(const json::Value& input, ChatRequest& request) {
  if (input.is_string()) {
    Push(request, "user", *input.String());
    return Result<void>();
  }
  TIDEGATE_ASSIGN(const json::Array array, input.Array());
  if (array.empty()) return input.Invalid("must not be empty");
  if ((*array.begin()).kind() == json::Kind::kInteger) {
    Push(request, "user", input.raw());
    return Result<void>();
  }
  for (const json::Value one : array) {
    Push(request, "user", one.is_string() ? *one.String() : one.raw());
  }
  if (request.messages.size() <= kInputsMax) return Result<void>();
  return input.Invalid(fmt::format("at most {} inputs are allowed", kInputsMax));
}

Result<void> ReadCompletion(const json::Object& body, ChatRequest& request, Extra& extra) {
  TIDEGATE_ASSIGN(const json::Value prompt, body.Get("prompt"));
  TIDEGATE_TRY(ReadInputs(prompt, request));
  if (request.messages.size() > 1) return prompt.Invalid("the emulator takes one prompt at a time");
  TIDEGATE_ASSIGN(extra.echo, ReadBool(body, "echo", false));
  TIDEGATE_ASSIGN(request.stream, ReadBool(body, "stream", false));
  request.output_tokens_max = 16;  // the protocol's own, when nothing is said
  if (const auto value = FindValue(body, "max_tokens")) {
    TIDEGATE_ASSIGN(request.output_tokens_max, value->IntegerIn(1, kTokenLimitMax));
  }
  if (const auto value = FindValue(body, "n")) {
    TIDEGATE_ASSIGN(request.choices, value->IntegerIn(1, kChoicesMax));
  }
  if (const auto value = FindValue(body, "seed")) {
    TIDEGATE_ASSIGN(request.seed, value->Integer());
  }
  if (const auto value = FindValue(body, "stop")) {
    if (value->is_string()) {
      if (!value->String()->empty()) request.stop.emplace_back(*value->String());
    } else {
      TIDEGATE_ASSIGN(request.stop, ReadTexts(*value, kStopSequencesMax));
    }
  }
  TIDEGATE_ASSIGN(const auto options, FindObject(body, "stream_options"));
  if (!options) return Result<void>();
  TIDEGATE_ASSIGN(request.stream_usage, ReadBool(*options, "include_usage", false));
  return Result<void>();
}

Result<void> ReadEmbedding(const json::Object& body, ChatRequest& request, Extra& extra) {
  request.task = TaskKind::kEmbed;
  TIDEGATE_ASSIGN(const json::Value input, body.Get("input"));
  TIDEGATE_TRY(ReadInputs(input, request));
  TIDEGATE_ASSIGN(const std::string format, ReadOptionalString(body, "encoding_format"));
  if (!format.empty() && format != "float" && format != "base64") {
    return InvalidArgument("encoding_format", "expected float or base64");
  }
  extra.base64 = format == "base64";
  if (const auto value = FindValue(body, "dimensions")) {
    TIDEGATE_ASSIGN(extra.dimensions, value->IntegerIn(1, kDimensionsMax));
  }
  return Result<void>();
}

// The query is the first message, the documents the others: texts, or objects with one.
Result<void> ReadReranking(const json::Object& body, ChatRequest& request, Extra& extra) {
  request.task = TaskKind::kRerank;
  TIDEGATE_ASSIGN(const std::string query, ReadString(body, "query"));
  Push(request, "query", query);
  TIDEGATE_ASSIGN(const json::Value documents, body.Get("documents"));
  TIDEGATE_ASSIGN(const json::Array array, documents.Array());
  for (const json::Value document : array) {
    if (document.is_object()) {
      TIDEGATE_ASSIGN(const std::string text, ReadString(*document.Object(), "text"));
      Push(request, "document", text);
    } else {
      TIDEGATE_ASSIGN(const std::string_view text, document.String());
      Push(request, "document", text);
    }
  }
  if (array.empty()) return documents.Invalid("must not be empty");
  if (request.messages.size() > kDocumentsMax) return documents.Invalid("there are too many");
  TIDEGATE_ASSIGN(extra.documents, ReadBool(body, "return_documents", false));
  if (const auto top = FindValue(body, "top_n")) {
    TIDEGATE_ASSIGN(extra.top, top->IntegerIn(1, kTokenLimitMax));
  }
  return Result<void>();
}

Result<ChatRequest> ParseText(const json::Value& body, Operation operation) {
  TIDEGATE_ASSIGN(const json::Object object, body.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  ChatRequest request;
  auto extra = std::make_shared<Extra>();
  extra->operation = operation;
  switch (operation) {
    case kCompletion:
      TIDEGATE_TRY(ReadCompletion(object, request, *extra));
      break;
    case kEmbedding:
      TIDEGATE_TRY(ReadEmbedding(object, request, *extra));
      break;
    case kReranking:
      TIDEGATE_TRY(ReadReranking(object, request, *extra));
      break;
  }
  request.extra = std::move(extra);
  return request;
}

std::string_view FinishName(const Choice& choice) {
  return choice.finish == Finish::kLength ? "length" : "stop";
}

void WriteChoice(json::Writer& writer, std::size_t index, std::string_view text,
                 std::string_view finish) {
  writer.BeginObject().Key("text").String(text);
  writer.Key("index").Integer(static_cast<std::int64_t>(index)).Key("logprobs").Null();
  writer.Key("finish_reason");
  finish.empty() ? writer.Null() : writer.String(finish);
  writer.EndObject();
}

void WriteHead(json::Writer& writer, const Reply& reply) {
  writer.BeginObject().Key("id").String("cmpl-" + reply.answer.id);
  writer.Key("object").String("text_completion").Key("created").Integer(reply.answer.created_s);
  writer.Key("model").String(reply.answer.model);
  writer.Key("system_fingerprint").String("emulated").Key("choices").BeginArray();
}

std::string Prefix(const Reply& reply) {
  return ExtraOf(reply).echo ? reply.request.messages.front().text : std::string();
}

std::string TextOf(const Choice& choice) {
  return Join(choice, TokenKind::kText) + Join(choice, TokenKind::kRefusal);
}

class TextFrames final : public Frames {
 public:
  explicit TextFrames(const Reply& reply) : reply_(reply) {}

  void Open(std::size_t choice, std::string& out) override {
    const std::string text = Prefix(reply_);
    if (!text.empty()) Frame(choice, text, {}, out);
  }
  void Tokens(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) override {
    const Choice& from = reply_.answer.choices[choice];
    std::string text;
    for (std::size_t i = begin; i < end; ++i) {
      const TokenKind kind = from.tokens[i].kind;
      if (kind == TokenKind::kText || kind == TokenKind::kRefusal) text += from.tokens[i].text;
    }
    if (!text.empty()) Frame(choice, text, {}, out);
  }
  void Finish(std::size_t choice, std::string& out) override {
    Frame(choice, "", FinishName(reply_.answer.choices[choice]), out);
  }
  void End(std::string& out) override {
    const bool asked = reply_.request.stream_usage || reply_.faults.usage == UsagePolicy::kAlways;
    if (asked && TellsUsage(reply_.faults)) {
      out += "data: ";
      json::Writer writer(out);
      WriteHead(writer, reply_);
      writer.EndArray().Key("usage");
      WriteOpenAiUsage(writer, reply_.answer.usage, reply_.faults);
      writer.EndObject();
      out += "\n\n";
    }
    if (!reply_.faults.no_done.value_or(false)) AppendEvent(out, {}, "[DONE]");
  }
  void Fail(std::string& out) override {
    out += "data: ";
    WriteOpenAiError(Refusal{500, Internal(std::string(kFailedMidway))}, out,
                     reply_.model.quirks.error_style);
    out += "\n\n";
  }
  void Malformed(std::string& out) override { AppendEvent(out, {}, R"({"choices":[{"text":)"); }

 private:
  void Frame(std::size_t choice, std::string_view text, std::string_view finish, std::string& out) {
    out += "data: ";
    json::Writer writer(out);
    WriteHead(writer, reply_);
    WriteChoice(writer, choice, text, finish);
    writer.EndArray().EndObject();
    out += "\n\n";
  }
  const Reply& reply_;
};

void WritePromptUsage(json::Writer& writer, const Reply& reply) {
  if (!TellsUsage(reply.faults)) return;
  const Usage usage = Told(reply.answer.usage, reply.faults);
  writer.Key("usage").BeginObject().Key("prompt_tokens").Integer(usage.prompt);
  writer.Key("total_tokens").Integer(usage.prompt).EndObject();
}

void WriteEmbeddings(const Reply& reply, std::string& out) {
  const std::int64_t asked = ExtraOf(reply).dimensions;
  const auto dimensions =
      static_cast<std::size_t>(asked > 0 ? asked : reply.model.quirks.embedding_dimensions);
  json::Writer writer(out);
  writer.BeginObject().Key("object").String("list").Key("data").BeginArray();
  std::int64_t index = 0;
  for (const Message& message : reply.request.messages) {
    writer.BeginObject().Key("object").String("embedding").Key("index").Integer(index++);
    writer.Key("embedding");
    const std::vector<double> vector = EmbedText(message.text, dimensions);
    if (ExtraOf(reply).base64) {
      writer.String(PackVector(vector));
    } else {
      WriteVector(writer, vector);
    }
    writer.EndObject();
  }
  writer.EndArray().Key("model").String(reply.answer.model);
  WritePromptUsage(writer, reply);
  writer.EndObject();
}

void WriteRanking(const Reply& reply, std::string& out) {
  const std::vector<Message>& messages = reply.request.messages;
  std::vector<std::string_view> documents;
  for (std::size_t i = 1; i < messages.size(); ++i) documents.push_back(messages[i].text);
  const std::int64_t top = ExtraOf(reply).top;
  const std::size_t wanted = top > 0 ? static_cast<std::size_t>(top) : documents.size();
  json::Writer writer(out);
  writer.BeginObject().Key("model").String(reply.answer.model).Key("object").String("list");
  WritePromptUsage(writer, reply);
  writer.Key("results").BeginArray();
  for (const Ranked& ranked : Rank(messages.front().text, documents, wanted)) {
    writer.BeginObject().Key("index").Integer(static_cast<std::int64_t>(ranked.index));
    writer.Key("relevance_score").Double(ranked.score);
    if (ExtraOf(reply).documents) {
      writer.Key("document").BeginObject();
      writer.Key("text").String(documents[ranked.index]).EndObject();
    }
    writer.EndObject();
  }
  writer.EndArray().EndObject();
}

void WriteCompletion(const Reply& reply, std::string& out) {
  json::Writer writer(out);
  WriteHead(writer, reply);
  for (std::size_t i = 0; i < reply.answer.choices.size(); ++i) {
    const Choice& choice = reply.answer.choices[i];
    WriteChoice(writer, i, Prefix(reply) + TextOf(choice), FinishName(choice));
  }
  writer.EndArray();
  if (TellsUsage(reply.faults)) {
    writer.Key("usage");
    WriteOpenAiUsage(writer, reply.answer.usage, reply.faults);
  }
  writer.EndObject();
}

class OpenAiText final : public Shape {
 public:
  std::string_view name() const override { return "openai-text"; }

  std::optional<Call> Match(const net::HttpHead& head) const override {
    if (head.method() != "POST") return std::nullopt;
    for (const Route& route : kRoutes) {
      if (head.path() != route.path) continue;
      Call call;
      call.operation = route.operation;
      return call;
    }
    return std::nullopt;
  }
  std::optional<Refusal> CheckKey(const Received& received, const Model& model) const override {
    return CheckOpenAiKey(received, model);
  }
  Result<ChatRequest> Parse(const Received& received, const json::Value& body, const Model&,
                            const Site&) const override {
    return ParseText(body, static_cast<Operation>(received.call.operation));
  }
  int InvalidStatus(const Model* model) const override { return OpenAiInvalidStatus(model); }
  void WriteWhole(const Reply& reply, std::string& out) const override {
    switch (ExtraOf(reply).operation) {
      case kCompletion:
        WriteCompletion(reply, out);
        return;
      case kEmbedding:
        WriteEmbeddings(reply, out);
        return;
      case kReranking:
        WriteRanking(reply, out);
        return;
    }
  }
  std::unique_ptr<Frames> Stream(const Reply& reply) const override {
    return std::make_unique<TextFrames>(reply);
  }
  void WriteError(const Refusal& refusal, const Model* model, std::string& out) const override {
    const ErrorStyle style = model != nullptr ? model->quirks.error_style : ErrorStyle::kOpenAi;
    WriteOpenAiError(refusal, out, style);
  }
  std::string HeadFields(const HeadFacts& facts) const override { return OpenAiHeadFields(facts); }
};

}  // namespace

const Shape& OpenAiTextShape() {
  static const OpenAiText kShape;
  return kShape;
}

}  // namespace tidegate::emulator
