#include <cstdio>

#include <fmt/format.h>

#include "emulator/openai_chat.h"
#include "emulator/seed.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kFingerprint = "emulated";
constexpr std::int64_t kHugeUsage = 9'000'000'000'000'000'000;
constexpr std::int64_t kNegativeUsage = -17;

std::string_view FinishName(Finish finish) {
  switch (finish) {
    case Finish::kStop:
      return "stop";
    case Finish::kLength:
      return "length";
    case Finish::kToolCalls:
      return "tool_calls";
  }
  return "stop";
}

// All tokens of one kind (and tool call) as one text.
std::string Join(const Choice& choice, TokenKind kind, std::uint32_t tool_call = 0) {
  std::string text;
  for (const Token& token : choice.tokens) {
    if (token.kind == kind && token.tool_call == tool_call) text += token.text;
  }
  return text;
}

bool Has(const Choice& choice, TokenKind kind) {
  for (const Token& token : choice.tokens) {
    if (token.kind == kind) return true;
  }
  return false;
}

void WriteHead(json::Writer& writer, const Answer& answer, std::string_view object) {
  writer.Key("id").String("chatcmpl-" + answer.id);
  writer.Key("object").String(object);
  writer.Key("created").Integer(answer.created_s);
  writer.Key("model").String(answer.model);
  writer.Key("system_fingerprint").String(kFingerprint);
}

void WriteUsage(json::Writer& writer, const Usage& true_usage, const Faults& faults) {
  Usage usage = true_usage;
  if (faults.negative_usage.value_or(false)) usage.completion = kNegativeUsage;
  if (faults.huge_usage.value_or(false)) usage.prompt = usage.completion = kHugeUsage;
  std::int64_t total = 0;
  if (__builtin_add_overflow(usage.prompt, usage.completion, &total)) total = kHugeUsage;
  writer.BeginObject();
  writer.Key("prompt_tokens").Integer(usage.prompt);
  writer.Key("completion_tokens").Integer(usage.completion);
  writer.Key("total_tokens").Integer(total);
  writer.Key("prompt_tokens_details").BeginObject();
  writer.Key("cached_tokens").Integer(usage.cached).EndObject();
  writer.Key("completion_tokens_details").BeginObject();
  writer.Key("reasoning_tokens").Integer(usage.reasoning).EndObject();
  writer.EndObject();
}

void WriteTokenProbability(json::Writer& writer, std::string_view text, double logprob) {
  writer.Key("token").String(text);
  writer.Key("logprob").Double(logprob);
  writer.Key("bytes").BeginArray();
  for (const char c : text) writer.Integer(static_cast<std::uint8_t>(c));
  writer.EndArray();
}

// Plausible numbers that fall with the rank; each alternative token says that it is emulated.
void WriteLogprobs(json::Writer& writer, const Choice& choice, std::size_t begin, std::size_t end,
                   std::int64_t alternatives) {
  writer.BeginObject().Key("content").BeginArray();
  for (std::size_t i = begin; i < end; ++i) {
    const Token& token = choice.tokens[i];
    if (token.kind != TokenKind::kText) continue;
    const double logprob = -Random(Hash(token.text) + i).Share() / 2;
    writer.BeginObject();
    WriteTokenProbability(writer, token.text, logprob);
    writer.Key("top_logprobs").BeginArray();
    for (std::int64_t rank = 0; rank < alternatives; ++rank) {
      const std::string other = rank == 0 ? token.text : fmt::format(" [emulated-{}]", rank);
      writer.BeginObject();
      WriteTokenProbability(writer, other, logprob - 2.0 * static_cast<double>(rank));
      writer.EndObject();
    }
    writer.EndArray().EndObject();
  }
  writer.EndArray().Key("refusal").Null().EndObject();
}

void WriteToolCallHead(json::Writer& writer, std::string_view id, std::string_view name,
                       std::string_view arguments) {
  writer.Key("id").String(id);
  writer.Key("type").String("function");
  writer.Key("function").BeginObject();
  writer.Key("name").String(name);
  writer.Key("arguments").String(arguments);
  writer.EndObject();
}

void WriteMessage(json::Writer& writer, const Choice& choice) {
  writer.BeginObject().Key("role").String("assistant");
  const bool refused = Has(choice, TokenKind::kRefusal);
  writer.Key("content");
  if (refused || Has(choice, TokenKind::kToolName)) {
    writer.Null();
  } else {
    writer.String(Join(choice, TokenKind::kText));
  }
  writer.Key("refusal");
  if (refused) {
    writer.String(Join(choice, TokenKind::kRefusal));
  } else {
    writer.Null();
  }
  if (Has(choice, TokenKind::kReasoning)) {
    writer.Key("reasoning_content").String(Join(choice, TokenKind::kReasoning));
  }
  if (Has(choice, TokenKind::kToolName)) {
    writer.Key("tool_calls").BeginArray();
    for (const Token& token : choice.tokens) {
      if (token.kind != TokenKind::kToolName) continue;
      writer.BeginObject();
      WriteToolCallHead(writer, choice.tool_call_ids[token.tool_call], token.text,
                        Join(choice, TokenKind::kToolArguments, token.tool_call));
      writer.EndObject();
    }
    writer.EndArray();
  }
  writer.EndObject();
}

std::string_view DeltaKey(TokenKind kind) {
  switch (kind) {
    case TokenKind::kReasoning:
      return "reasoning_content";
    case TokenKind::kRefusal:
      return "refusal";
    default:
      return "content";
  }
}

struct ErrorWords {
  std::string_view type, code;
};

ErrorWords WordsOf(int status) {
  switch (status) {
    case 401:
      return {"invalid_request_error", "invalid_api_key"};
    case 403:
      return {"invalid_request_error", "permission_denied"};
    case 404:
      return {"invalid_request_error", "model_not_found"};
    case 429:
      return {"requests", "rate_limit_exceeded"};
    case 503:
    case 529:
      return {"overloaded_error", "overloaded"};
    default:
      return {status < 500 ? "invalid_request_error" : "server_error", ""};
  }
}

}  // namespace

void WriteOpenAiAnswer(const Answer& answer, const ChatRequest& request, const Faults& faults,
                       std::string& out) {
  json::Writer writer(out);
  writer.BeginObject();
  WriteHead(writer, answer, "chat.completion");
  writer.Key("choices").BeginArray();
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    const Choice& choice = answer.choices[i];
    writer.BeginObject().Key("index").Integer(static_cast<std::int64_t>(i));
    writer.Key("message");
    WriteMessage(writer, choice);
    writer.Key("logprobs");
    if (request.logprobs) {
      WriteLogprobs(writer, choice, 0, choice.tokens.size(), request.top_logprobs);
    } else {
      writer.Null();
    }
    writer.Key("finish_reason").String(FinishName(choice.finish)).EndObject();
  }
  writer.EndArray();
  if (!faults.no_usage.value_or(false)) {
    writer.Key("usage");
    WriteUsage(writer, answer.usage, faults);
  }
  writer.EndObject();
}

void OpenAiChatFrames::BeginFrame(std::string& out, json::Writer& writer) const {
  out += "data: ";
  writer.BeginObject();
  WriteHead(writer, answer_, "chat.completion.chunk");
}

void OpenAiChatFrames::EndFrame(std::string& out, json::Writer& writer) const {
  if (request_.stream_usage && UsageDue()) writer.Key("usage").Null();
  writer.EndObject();
  out += "\n\n";
}

bool OpenAiChatFrames::UsageDue() const {
  if (faults_.no_usage.value_or(false)) return false;
  switch (faults_.usage.value_or(UsagePolicy::kAsked)) {
    case UsagePolicy::kAsked:
      return request_.stream_usage;
    case UsagePolicy::kAlways:
      return true;
    case UsagePolicy::kNever:
      return false;
  }
  return false;
}

void OpenAiChatFrames::WriteRole(std::size_t choice, std::string& out) const {
  json::Writer writer(out);
  BeginFrame(out, writer);
  writer.Key("choices").BeginArray().BeginObject();
  writer.Key("index").Integer(static_cast<std::int64_t>(choice));
  writer.Key("delta").BeginObject().Key("role").String("assistant");
  writer.Key("content").String("").EndObject();
  writer.Key("logprobs").Null().Key("finish_reason").Null();
  writer.EndObject().EndArray();
  EndFrame(out, writer);
}

void OpenAiChatFrames::WriteTokens(std::size_t choice, std::size_t begin, std::size_t end,
                                   std::string& out) const {
  const std::vector<Token>& tokens = answer_.choices[choice].tokens;
  const bool whole_calls = faults_.whole_tool_calls.value_or(false);
  while (begin < end) {
    const Token& first = tokens[begin];
    std::size_t run = begin + 1;
    // A tool's name opens its call and stands in a frame of its own.
    while (first.kind != TokenKind::kToolName && run < end && tokens[run].kind == first.kind &&
           tokens[run].tool_call == first.tool_call) {
      ++run;
    }
    const bool of_tool =
        first.kind == TokenKind::kToolName || first.kind == TokenKind::kToolArguments;
    if (!whole_calls || !of_tool) WriteRun(choice, begin, run, out);
    begin = run;
  }
}

void OpenAiChatFrames::WriteRun(std::size_t choice, std::size_t begin, std::size_t end,
                                std::string& out) const {
  const Choice& from = answer_.choices[choice];
  const Token& first = from.tokens[begin];
  std::string text;
  for (std::size_t i = begin; i < end; ++i) text += from.tokens[i].text;
  json::Writer writer(out);
  BeginFrame(out, writer);
  writer.Key("choices").BeginArray().BeginObject();
  writer.Key("index").Integer(static_cast<std::int64_t>(choice));
  writer.Key("delta").BeginObject();
  if (first.kind == TokenKind::kToolName || first.kind == TokenKind::kToolArguments) {
    writer.Key("tool_calls").BeginArray().BeginObject();
    writer.Key("index").Integer(first.tool_call);
    if (first.kind == TokenKind::kToolName) {
      WriteToolCallHead(writer, from.tool_call_ids[first.tool_call], text, "");
    } else {
      writer.Key("function").BeginObject().Key("arguments").String(text).EndObject();
    }
    writer.EndObject().EndArray();
  } else {
    writer.Key(DeltaKey(first.kind)).String(text);
  }
  writer.EndObject().Key("logprobs");
  if (request_.logprobs && first.kind == TokenKind::kText) {
    WriteLogprobs(writer, from, begin, end, request_.top_logprobs);
  } else {
    writer.Null();
  }
  writer.Key("finish_reason").Null().EndObject().EndArray();
  EndFrame(out, writer);
}

// The call whose name is token `name`, complete in one delta.
void OpenAiChatFrames::WriteWholeToolCall(std::size_t choice, std::size_t name,
                                          std::string& out) const {
  const Choice& from = answer_.choices[choice];
  const Token& token = from.tokens[name];
  json::Writer writer(out);
  BeginFrame(out, writer);
  writer.Key("choices").BeginArray().BeginObject();
  writer.Key("index").Integer(static_cast<std::int64_t>(choice));
  writer.Key("delta").BeginObject().Key("tool_calls").BeginArray().BeginObject();
  writer.Key("index").Integer(token.tool_call);
  WriteToolCallHead(writer, from.tool_call_ids[token.tool_call], token.text,
                    Join(from, TokenKind::kToolArguments, token.tool_call));
  writer.EndObject().EndArray().EndObject();
  writer.Key("logprobs").Null().Key("finish_reason").Null().EndObject().EndArray();
  EndFrame(out, writer);
}

void OpenAiChatFrames::WriteFinish(std::size_t choice, std::string& out) const {
  const Choice& from = answer_.choices[choice];
  if (faults_.whole_tool_calls.value_or(false)) {
    for (std::size_t i = 0; i < from.tokens.size(); ++i) {
      if (from.tokens[i].kind == TokenKind::kToolName) WriteWholeToolCall(choice, i, out);
    }
  }
  json::Writer writer(out);
  BeginFrame(out, writer);
  writer.Key("choices").BeginArray().BeginObject();
  writer.Key("index").Integer(static_cast<std::int64_t>(choice));
  writer.Key("delta").BeginObject().EndObject();
  writer.Key("logprobs").Null();
  writer.Key("finish_reason").String(FinishName(from.finish)).EndObject().EndArray();
  EndFrame(out, writer);
}

void OpenAiChatFrames::WriteEnd(std::string& out) const {
  if (UsageDue()) {
    json::Writer writer(out);
    BeginFrame(out, writer);
    writer.Key("choices").BeginArray().EndArray().Key("usage");
    WriteUsage(writer, answer_.usage, faults_);
    writer.EndObject();
    out += "\n\n";
  }
  if (!faults_.no_done.value_or(false)) out += "data: [DONE]\n\n";
}

void OpenAiChatFrames::WriteError(std::string& out) const {
  out += "data: ";
  WriteOpenAiError(500, Internal("[emulated] the model failed in the middle of its answer"), out);
  out += "\n\n";
}

void OpenAiChatFrames::WriteMalformed(std::string& out) const {
  out += "data: {\"id\":\"chatcmpl-" + answer_.id + "\",\"choices\":[{\"delta\":{\n\n";
}

void WriteOpenAiError(int status, const Error& error, std::string& out) {
  const ErrorWords words = WordsOf(status);
  const std::string_view code = error.reason.empty() ? words.code : std::string_view(error.reason);
  json::Writer writer(out);
  writer.BeginObject().Key("error").BeginObject();
  writer.Key("message").String(error.message);
  writer.Key("type").String(words.type);
  writer.Key("param");
  error.field.empty() ? writer.Null() : writer.String(error.field);
  writer.Key("code");
  code.empty() ? writer.Null() : writer.String(code);
  writer.EndObject().EndObject();
}

void WriteOpenAiModels(const std::vector<const Model*>& models, std::string& out) {
  constexpr double kNanodollars = 1e9;
  constexpr std::int64_t kCreated = 1'700'000'000;
  const auto usd = [](Price price) {
    return static_cast<double>(price.nanodollars_per_mtok) / kNanodollars;
  };
  json::Writer writer(out);
  writer.BeginObject().Key("object").String("list").Key("data").BeginArray();
  for (const Model* model : models) {
    writer.BeginObject().Key("id").String(model->name).Key("object").String("model");
    writer.Key("created").Integer(kCreated).Key("owned_by").String("emulator");
    writer.Key("emulated").BeginObject();
    writer.Key("ttft_ms").Integer(model->ttft_ms);
    writer.Key("tokens_per_s").Integer(model->tokens_per_s);
    writer.Key("jitter").Double(model->jitter);
    writer.Key("input_usd_per_mtok").Double(usd(model->input_price));
    writer.Key("cached_input_usd_per_mtok").Double(usd(model->cached_input_price));
    writer.Key("output_usd_per_mtok").Double(usd(model->output_price));
    writer.Key("context_tokens_max").Integer(model->context_tokens_max);
    writer.Key("output_tokens_max").Integer(model->output_tokens_max);
    writer.Key("requests_per_minute_max").Integer(model->requests_per_minute_max);
    writer.Key("concurrent_max").Integer(model->concurrent_max);
    writer.EndObject().EndObject();
  }
  writer.EndArray().EndObject();
}

}  // namespace tidegate::emulator
