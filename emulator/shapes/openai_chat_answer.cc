#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/seed.h"
#include "emulator/shapes/openai_chat.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kFingerprint = "emulated";

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

void WriteHead(json::Writer& writer, const Answer& answer, std::string_view object) {
  writer.Key("id").String("chatcmpl-" + answer.id);
  writer.Key("object").String(object);
  writer.Key("created").Integer(answer.created_s);
  writer.Key("model").String(answer.model);
  writer.Key("system_fingerprint").String(kFingerprint);
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

void WriteMessage(json::Writer& writer, const Choice& choice, const Quirks& quirks) {
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
    writer.Key(quirks.reasoning_field).String(Join(choice, TokenKind::kReasoning));
  } else if (quirks.nim) {
    writer.Key(quirks.reasoning_field).Null();
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

void WritePromptFilters(json::Writer& writer) {
  writer.Key("prompt_filter_results").BeginArray().BeginObject();
  writer.Key("prompt_index").Integer(0).Key("content_filter_results");
  WriteAzureFilters(writer, false);
  writer.EndObject().EndArray();
}

std::string_view DeltaKey(TokenKind kind, const Quirks& quirks) {
  switch (kind) {
    case TokenKind::kReasoning:
      return quirks.reasoning_field;
    case TokenKind::kRefusal:
      return "refusal";
    default:
      return "content";
  }
}

}  // namespace

void WriteOpenAiUsage(json::Writer& writer, const Usage& true_usage, const Faults& faults) {
  const Usage usage = Told(true_usage, faults);
  writer.BeginObject();
  writer.Key("prompt_tokens").Integer(usage.prompt);
  writer.Key("completion_tokens").Integer(usage.completion);
  writer.Key("total_tokens").Integer(Sum(usage.prompt, usage.completion));
  writer.Key("prompt_tokens_details").BeginObject();
  writer.Key("cached_tokens").Integer(usage.cached).EndObject();
  writer.Key("completion_tokens_details").BeginObject();
  writer.Key("reasoning_tokens").Integer(usage.reasoning).EndObject();
  writer.EndObject();
}

void WriteOpenAiAnswer(const Reply& reply, std::string& out) {
  const Answer& answer = reply.answer;
  json::Writer writer(out);
  writer.BeginObject();
  WriteHead(writer, answer, "chat.completion");
  writer.Key("choices").BeginArray();
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    const Choice& choice = answer.choices[i];
    writer.BeginObject().Key("index").Integer(static_cast<std::int64_t>(i));
    writer.Key("message");
    WriteMessage(writer, choice, reply.model.quirks);
    writer.Key("logprobs");
    if (reply.request.logprobs) {
      WriteLogprobs(writer, choice, 0, choice.tokens.size(), reply.request.top_logprobs);
    } else {
      writer.Null();
    }
    writer.Key("finish_reason").String(FinishName(choice.finish));
    if (reply.model.quirks.azure) WriteAzureFilters(writer.Key("content_filter_results"), false);
    if (reply.model.quirks.nim) writer.Key("stop_reason").Null();
    writer.EndObject();
  }
  writer.EndArray();
  if (reply.model.quirks.azure) WritePromptFilters(writer);
  if (!reply.faults.no_usage.value_or(false)) {
    writer.Key("usage");
    WriteOpenAiUsage(writer, answer.usage, reply.faults);
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

void OpenAiChatFrames::Open(std::size_t choice, std::string& out) {
  json::Writer writer(out);
  if (quirks_.comments && choice == 0) out += ": OPENROUTER PROCESSING\n\n";
  if (quirks_.azure && choice == 0) {  // before there is a choice, and without a model's name
    json::Writer first(out);
    out += "data: ";
    first.BeginObject().Key("choices").BeginArray().EndArray();
    first.Key("created").Integer(0).Key("id").String("").Key("model").String("");
    first.Key("object").String("");
    WritePromptFilters(first);
    first.EndObject();
    out += "\n\n";
  }
  BeginFrame(out, writer);
  writer.Key("choices").BeginArray().BeginObject();
  writer.Key("index").Integer(static_cast<std::int64_t>(choice));
  writer.Key("delta").BeginObject().Key("role").String("assistant");
  writer.Key("content").String("").EndObject();
  writer.Key("logprobs").Null().Key("finish_reason").Null();
  writer.EndObject().EndArray();
  EndFrame(out, writer);
}

void OpenAiChatFrames::Tokens(std::size_t choice, std::size_t begin, std::size_t end,
                              std::string& out) {
  const Choice& from = answer_.choices[choice];
  const bool whole_calls = faults_.whole_tool_calls.value_or(false);
  while (begin < end) {
    const TokenKind kind = from.tokens[begin].kind;
    const std::size_t run = RunEnd(from, begin, end);
    const bool of_tool = kind == TokenKind::kToolName || kind == TokenKind::kToolArguments;
    if (!whole_calls || !of_tool) WriteRun(choice, begin, run, out);
    begin = run;
  }
}

void OpenAiChatFrames::WriteRun(std::size_t choice, std::size_t begin, std::size_t end,
                                std::string& out) const {
  const Choice& from = answer_.choices[choice];
  const Token& first = from.tokens[begin];
  const std::string text = JoinRange(from, begin, end);
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
    writer.Key(DeltaKey(first.kind, quirks_)).String(text);
  }
  writer.EndObject();
  if (quirks_.azure) WriteAzureFilters(writer.Key("content_filter_results"), false);
  writer.Key("logprobs");
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

void OpenAiChatFrames::Finish(std::size_t choice, std::string& out) {
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
  if (quirks_.x_groq && !faults_.no_usage.value_or(false)) {
    writer.Key("x_groq").BeginObject().Key("id").String("req_" + answer_.id).Key("usage");
    WriteOpenAiUsage(writer, answer_.usage, faults_);
    writer.EndObject();
  }
  EndFrame(out, writer);
}

void OpenAiChatFrames::End(std::string& out) {
  if (UsageDue()) {
    json::Writer writer(out);
    BeginFrame(out, writer);
    writer.Key("choices").BeginArray().EndArray().Key("usage");
    WriteOpenAiUsage(writer, answer_.usage, faults_);
    writer.EndObject();
    out += "\n\n";
  }
  if (!faults_.no_done.value_or(false)) out += "data: [DONE]\n\n";
}

void OpenAiChatFrames::Fail(std::string& out) {
  if (quirks_.error_style == ErrorStyle::kOpenRouter) {  // a chunk like any other, with an error
    json::Writer writer(out);
    BeginFrame(out, writer);
    writer.Key("error").BeginObject().Key("code").String("server_error");
    writer.Key("message").String(kFailedMidway).EndObject();
    writer.Key("choices").BeginArray().BeginObject().Key("index").Integer(0);
    writer.Key("delta").BeginObject().Key("content").String("").EndObject();
    writer.Key("finish_reason").String("error").EndObject().EndArray().EndObject();
    out += "\n\n";
    return;
  }
  out += "data: ";
  WriteOpenAiError(Refusal{500, Internal(std::string(kFailedMidway))}, out, quirks_.error_style);
  out += "\n\n";
}

void OpenAiChatFrames::Malformed(std::string& out) {
  out += "data: {\"id\":\"chatcmpl-" + answer_.id + "\",\"choices\":[{\"delta\":{\n\n";
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
