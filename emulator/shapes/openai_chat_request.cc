#include <algorithm>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/shapes/openai_chat.h"

namespace tidegate::emulator {
namespace {

Result<void> ReadPart(const json::Value& value, Message& message, std::size_t& bytes) {
  TIDEGATE_ASSIGN(const json::Object part, value.Object());
  TIDEGATE_ASSIGN(const std::string type, ReadString(part, "type"));
  if (type == "image_url") {
    message.tokens += kTokensPerImage;
  } else if (type == "text" || type == "refusal") {
    TIDEGATE_ASSIGN(const std::string text, ReadString(part, type));
    message.text += text;
    bytes += text.size();
  } else {
    bytes += value.raw().size();
  }
  return Result<void>();
}

// "Ab3dE6gH9"
Result<void> CheckCallId(const json::Object& object, std::string_view key, const Quirks& quirks) {
  if (quirks.tool_call_id_bytes == 0) return Result<void>();
  TIDEGATE_ASSIGN(const std::string id, ReadString(object, key));
  const auto bytes = static_cast<std::size_t>(quirks.tool_call_id_bytes);
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
  if (plain && id.size() == bytes) return Result<void>();
  return InvalidArgument(
      object.PathOf(key),
      fmt::format("Tool call id was {} but must be a-z, A-Z, 0-9, with a length of {}.", id,
                  bytes));
}

Result<void> CheckCalls(const json::Object& message, const json::Value& calls,
                        const Quirks& quirks) {
  if (quirks.reasoning_back && !message.Find("reasoning_content")) {
    return InvalidArgument(
        "", "The reasoning_content in the thinking mode must be passed back to the API.");
  }
  TIDEGATE_ASSIGN(const json::Array array, calls.Array());
  for (const json::Value call : array) {
    TIDEGATE_ASSIGN(const json::Object object, call.Object());
    TIDEGATE_TRY(CheckCallId(object, "id", quirks));
  }
  return Result<void>();
}

Result<Message> ReadMessage(const json::Value& value, const Quirks& quirks) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  Message message;
  TIDEGATE_ASSIGN(message.role, ReadString(object, "role"));
  std::size_t bytes = 0;
  if (const auto content = FindValue(object, "content")) {
    if (content->is_array()) {
      TIDEGATE_ASSIGN(const json::Array parts, content->Array());
      for (const json::Value part : parts) TIDEGATE_TRY(ReadPart(part, message, bytes));
    } else {
      TIDEGATE_ASSIGN(const std::string_view text, content->String());
      message.text = text;
      bytes = text.size();
    }
  } else if (message.role != "assistant") {
    return InvalidArgument(object.PathOf("content"), "is required");
  }
  if (const auto calls = FindValue(object, "tool_calls")) {
    TIDEGATE_TRY(CheckCalls(object, *calls, quirks));
    bytes += calls->raw().size();
  }
  if (message.role == "tool") {
    TIDEGATE_TRY(CheckCallId(object, "tool_call_id", quirks));
    TIDEGATE_ASSIGN(message.tool_call_id, ReadString(object, "tool_call_id"));
  }
  message.tokens += kTokensPerMessage + TokensOfBytes(bytes);
  return message;
}

Result<void> ReadMessages(const json::Object& body, const Quirks& quirks, ChatRequest& request) {
  TIDEGATE_ASSIGN(const json::Value value, body.Get("messages"));
  TIDEGATE_ASSIGN(const json::Array messages, value.Array());
  for (const json::Value one : messages) {
    TIDEGATE_ASSIGN(Message message, ReadMessage(one, quirks));
    request.messages.push_back(std::move(message));
  }
  if (request.messages.empty()) return value.Invalid("must not be empty");
  return Result<void>();
}

Result<void> ReadToolChoice(const json::Value& value, ChatRequest& request) {
  if (value.is_object()) {
    TIDEGATE_ASSIGN(const json::Object choice, value.Object());
    TIDEGATE_ASSIGN(const json::Value named, choice.Get("function"));
    TIDEGATE_ASSIGN(const json::Object function, named.Object());
    TIDEGATE_ASSIGN(request.tool_name, ReadString(function, "name"));
    request.tool_choice = ToolChoice::kNamed;
    return Result<void>();
  }
  TIDEGATE_ASSIGN(const std::string_view word, value.String());
  if (word == "none") {
    request.tool_choice = ToolChoice::kNone;
  } else if (word == "auto") {
    request.tool_choice = ToolChoice::kAuto;
  } else if (word == "required") {
    request.tool_choice = ToolChoice::kRequired;
  } else {
    return value.Invalid("expected none, auto, required or an object");
  }
  return Result<void>();
}

Result<void> ReadTools(const json::Object& body, ChatRequest& request) {
  if (const auto value = FindValue(body, "tools")) {
    TIDEGATE_ASSIGN(const json::Array tools, value->Array());
    for (const json::Value one : tools) {
      TIDEGATE_ASSIGN(const json::Object object, one.Object());
      TIDEGATE_ASSIGN(const json::Value described, object.Get("function"));
      TIDEGATE_ASSIGN(const json::Object function, described.Object());
      Tool tool;
      TIDEGATE_ASSIGN(tool.name, ReadString(function, "name"));
      if (const auto schema = FindValue(function, "parameters")) tool.schema = schema->raw();
      request.tools.push_back(std::move(tool));
    }
    request.extra_prompt_tokens += TokensOfBytes(value->raw().size());
  }
  if (const auto choice = FindValue(body, "tool_choice")) {
    TIDEGATE_TRY(ReadToolChoice(*choice, request));
  }
  TIDEGATE_ASSIGN(request.parallel_tool_calls, ReadBool(body, "parallel_tool_calls", true));
  return Result<void>();
}

Result<void> ReadFormat(const json::Object& body, ChatRequest& request) {
  const auto value = FindValue(body, "response_format");
  if (!value) return Result<void>();
  TIDEGATE_ASSIGN(const json::Object format, value->Object());
  TIDEGATE_ASSIGN(const std::string type, ReadString(format, "type"));
  if (type == "json_object") {
    request.format = AnswerFormat::kJsonObject;
  } else if (type == "json_schema") {
    TIDEGATE_ASSIGN(const json::Value described, format.Get("json_schema"));
    TIDEGATE_ASSIGN(const json::Object object, described.Object());
    TIDEGATE_ASSIGN(const json::Value schema, object.Get("schema"));
    request.schema = schema.raw();
    request.format = AnswerFormat::kJsonSchema;
    request.extra_prompt_tokens += TokensOfBytes(request.schema.size());
  } else if (type != "text") {
    return value->Invalid("expected the type text, json_object or json_schema");
  }
  return Result<void>();
}

Result<void> ReadStop(const json::Object& body, ChatRequest& request) {
  const auto value = FindValue(body, "stop");
  if (!value) return Result<void>();
  if (value->is_string()) {
    TIDEGATE_ASSIGN(request.stop.emplace_back(), value->String());
  } else {
    TIDEGATE_ASSIGN(const json::Array sequences, value->Array());
    for (const json::Value one : sequences) {
      TIDEGATE_ASSIGN(request.stop.emplace_back(), one.String());
    }
  }
  if (request.stop.size() > kStopSequencesMax) {
    return value->Invalid(fmt::format("at most {} sequences are allowed", kStopSequencesMax));
  }
  for (const std::string& stop : request.stop) {
    if (stop.empty()) return value->Invalid("a sequence must not be empty");
  }
  return Result<void>();
}

Result<void> ReadNumbers(const json::Object& body, const Quirks& quirks, ChatRequest& request) {
  for (const std::string_view key : {"max_tokens", "max_completion_tokens"}) {
    if (const auto value = FindValue(body, key)) {
      TIDEGATE_ASSIGN(request.output_tokens_max, value->IntegerIn(1, kTokenLimitMax));
    }
  }
  if (const auto value = FindValue(body, "n")) {
    TIDEGATE_ASSIGN(request.choices, value->IntegerIn(1, kChoicesMax));
  }
  if (const auto value = FindValue(body, quirks.seed_field)) {
    TIDEGATE_ASSIGN(request.seed, value->Integer());
  }
  TIDEGATE_ASSIGN(request.logprobs, ReadBool(body, "logprobs", false));
  if (const auto value = FindValue(body, "top_logprobs")) {
    TIDEGATE_ASSIGN(request.top_logprobs, value->IntegerIn(0, kTopLogprobsMax));
    if (!request.logprobs) return value->Invalid("needs logprobs to be true");
  }
  return Result<void>();
}

Result<void> ReadStreaming(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(request.stream, ReadBool(body, "stream", false));
  if (const auto value = FindValue(body, "stream_options")) {
    if (!request.stream) return value->Invalid("is only allowed when stream is true");
    TIDEGATE_ASSIGN(const json::Object options, value->Object());
    TIDEGATE_ASSIGN(request.stream_usage, ReadBool(options, "include_usage", false));
  }
  return Result<void>();
}

// {"guided_json": <schema>, "max_thinking_tokens": 512}
Result<void> ReadNim(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto extra, FindObject(body, "nvext"));
  if (!extra) return Result<void>();
  if (const auto schema = FindValue(*extra, "guided_json")) {
    request.schema = schema->raw();
    request.format = AnswerFormat::kJsonSchema;
    request.extra_prompt_tokens += TokensOfBytes(request.schema.size());
  }
  if (const auto thinking = FindValue(*extra, "max_thinking_tokens")) {
    TIDEGATE_ASSIGN(const std::int64_t most, thinking->IntegerIn(0, kTokenLimitMax));
    request.reasoning_tokens = std::min(most, kReasoningTokens);
  }
  return Result<void>();
}

}  // namespace

Result<ChatRequest> ParseOpenAiChat(const json::Value& body, const Quirks& quirks,
                                    bool model_in_path) {
  TIDEGATE_ASSIGN(const json::Object object, body.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  ChatRequest request;
  if (!model_in_path) {
    TIDEGATE_ASSIGN(request.model, ReadString(object, "model"));
  }
  TIDEGATE_TRY(ReadMessages(object, quirks, request));
  TIDEGATE_TRY(ReadTools(object, request));
  TIDEGATE_TRY(ReadFormat(object, request));
  TIDEGATE_TRY(ReadStop(object, request));
  TIDEGATE_TRY(ReadNumbers(object, quirks, request));
  TIDEGATE_TRY(ReadStreaming(object, request));
  if (quirks.nim) TIDEGATE_TRY(ReadNim(object, request));
  request.tool_call_id_bytes = static_cast<std::size_t>(quirks.tool_call_id_bytes);
  return request;
}

}  // namespace tidegate::emulator
