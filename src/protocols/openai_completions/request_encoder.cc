#include "protocols/openai_completions/request_encoder.h"

#include <string>
#include <string_view>
#include <utility>

#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/openai_chat/request_encoder.h"
#include "protocols/openai_chat/sampling_writer.h"
#include "protocols/splice_body.h"

namespace tidegate::protocols::openai_completions {
namespace {

constexpr std::string_view kPath = "/completions";

// Nothing but texts of one user.
Result<std::string> PromptOf(const core::Request& request) {
  if (!request.prompt_template.empty()) return CannotSay("template", "a template");
  if (!request.raw && request.suffix.empty()) return CannotSay("messages", "a chat");
  std::string prompt;
  for (const core::Message& message : request.messages) {
    if (message.role != core::Role::kUser) return CannotSay("messages", "a chat");
    for (const core::Part& part : message.parts) {
      if (part.kind != core::PartKind::kText) {
        return CannotSay("images", "pictures or sounds in a text that no template is put around");
      }
      prompt += part.text;
    }
  }
  return prompt;
}

// Who fills in by tokens of its own is given them by number, since what they are written as may
// stand in a text too. The empty text in front is where a tokenizer puts its begin mark, if it has
// one.
void WriteFillIn(json::Writer& out, const core::FillInTokens& tokens, std::string_view prompt,
                 std::string_view suffix) {
  out.Key("prompt").BeginArray().String("");
  out.Integer(tokens.prefix).String(prompt).Integer(tokens.suffix).String(suffix);
  out.Integer(tokens.middle).EndArray();
}

void WriteFormat(json::Writer& out, const core::Request& request) {
  const std::string_view schema = request.json_schema.schema;
  if (request.response_format == core::ResponseFormat::kJsonSchema && !schema.empty()) {
    out.Key("json_schema").Raw(schema);
  } else if (request.response_format == core::ResponseFormat::kJsonObject ||
             request.response_format == core::ResponseFormat::kJsonSchema) {
    out.Key("json_schema").Raw(R"({"type":"object"})");
  }
}

Result<std::string> WriteBody(const core::Request& request, const UpstreamOptions& options,
                              openai_chat::WriteOptions write) {
  TIDEGATE_ASSIGN(const std::string prompt, PromptOf(request));
  if (request.reasoning.mode == core::Reasoning::Mode::kOn) {
    return CannotSay("think", "thoughts in front of a text that no template is put around");
  }
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("model").String(options.model);
  if (!request.suffix.empty() && options.fill_in) {
    WriteFillIn(out, *options.fill_in, prompt, request.suffix);
  } else {
    out.Key("prompt").String(prompt);
    if (!request.suffix.empty()) out.Key("suffix").String(request.suffix);
  }
  openai_chat::WriteSampling(out, request, *options.dialect);
  if (request.logprobs) out.Key("logprobs").Integer(request.top_logprobs.value_or(0));
  openai_chat::WriteMoreSampling(out, request);
  WriteFormat(out, request);
  const std::optional<std::int64_t> limit =
      options.output_tokens_limit ? options.output_tokens_limit : request.max_output_tokens;
  if (limit) out.Key("max_tokens").Integer(*limit);
  if (!request.user.empty() && !options.dialect->Refuses("user")) {
    out.Key("user").String(request.user);
  }
  if (write.streaming) out.Key("stream").Bool(true);
  if (write.usage) {
    out.Key("stream_options").BeginObject().Key("include_usage").Bool(true).EndObject();
  }
  out.EndObject();
  return body;
}

}  // namespace

Result<UpstreamRequest> EncodeCompletionRequest(const core::Request& request,
                                                const UpstreamOptions& options) {
  Dialect dialect = *options.dialect;
  dialect.max_completion_tokens = false;  // a word of chats
  UpstreamOptions own = options;
  own.dialect = &dialect;
  if (request.max_output_tokens == 0) own.output_tokens_limit.reset();  // none is a limit, too
  const bool fills_in = !request.suffix.empty() && options.fill_in.has_value();
  if (MayPass(request, core::Protocol::kOpenAiCompletions) && !fills_in) {
    return openai_chat::PassBody(request, own, std::string(kPath));
  }
  if (request.protocol == core::Protocol::kOpenAiCompletions && !request.vendor_field.empty()) {
    return CannotSay(request.vendor_field, "what only the bytes of the request say");
  }
  UpstreamRequest upstream = openai_chat::BeginRequest(request, own, std::string(kPath));
  TIDEGATE_ASSIGN(
      std::string body,
      WriteBody(request, own, {upstream.streaming, openai_chat::AsksUsage(upstream, own)}));
  upstream.body = WholeBody(std::move(body));
  return upstream;
}

}  // namespace tidegate::protocols::openai_completions
