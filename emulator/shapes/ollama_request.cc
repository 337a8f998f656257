#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/shapes/ollama.h"

namespace tidegate::emulator::ollama {
namespace {

constexpr std::size_t kStopSequencesMax = 64;
constexpr std::int64_t kDimensionsMax = 4'096;

void Push(ChatRequest& request, Message message, std::size_t bytes) {
  message.tokens += kTokensPerMessage + TokensOfBytes(bytes);
  request.messages.push_back(std::move(message));
}

Result<void> ReadImages(const json::Object& object, Message& message) {
  const auto images = FindValue(object, "images");
  if (!images) return Result<void>();
  TIDEGATE_ASSIGN(const json::Array array, images->Array());
  for (const json::Value image : array) {
    TIDEGATE_TRY(image.String());
    message.tokens += kTokensPerImage;
  }
  return Result<void>();
}

// Arguments are objects here, never text.
Result<void> ReadCalls(const json::Object& object, std::size_t& bytes) {
  const auto calls = FindValue(object, "tool_calls");
  if (!calls) return Result<void>();
  TIDEGATE_ASSIGN(const json::Array array, calls->Array());
  for (const json::Value call : array) {
    TIDEGATE_ASSIGN(const json::Object outer, call.Object());
    TIDEGATE_ASSIGN(const json::Object function, ReadObject(outer, "function"));
    TIDEGATE_TRY(ReadString(function, "name"));
    TIDEGATE_TRY(ReadObject(function, "arguments"));
  }
  bytes += calls->raw().size();
  return Result<void>();
}

Result<void> ReadMessage(const json::Value& value, ChatRequest& request) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  Message message;
  TIDEGATE_ASSIGN(message.role, ReadString(object, "role"));
  TIDEGATE_ASSIGN(message.text, ReadOptionalString(object, "content"));
  std::size_t bytes = message.text.size();
  TIDEGATE_TRY(ReadImages(object, message));
  TIDEGATE_TRY(ReadCalls(object, bytes));
  if (message.role == "tool") {
    TIDEGATE_ASSIGN(message.tool_call_id, ReadOptionalString(object, "tool_name"));
    if (message.tool_call_id.empty()) message.tool_call_id = "a tool";
  } else if (message.role != "system" && message.role != "user" && message.role != "assistant") {
    return InvalidArgument(object.PathOf("role"), "invalid role");
  }
  Push(request, std::move(message), bytes);
  return Result<void>();
}

Result<void> ReadPrompt(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const std::string system, ReadOptionalString(body, "system"));
  if (!system.empty()) Push(request, {"system", system, "", 0, false}, system.size());
  Message message;
  message.role = "user";
  TIDEGATE_ASSIGN(message.text, ReadOptionalString(body, "prompt"));
  TIDEGATE_ASSIGN(const std::string suffix, ReadOptionalString(body, "suffix"));
  TIDEGATE_TRY(ReadImages(body, message));
  const std::size_t bytes = message.text.size() + suffix.size();
  if (bytes > 0 || message.tokens > 0) Push(request, std::move(message), bytes);
  return Result<void>();
}

Result<void> ReadTools(const json::Object& body, ChatRequest& request) {
  const auto value = FindValue(body, "tools");
  if (!value) return Result<void>();
  TIDEGATE_ASSIGN(const json::Array tools, value->Array());
  for (const json::Value one : tools) {
    TIDEGATE_ASSIGN(const json::Object outer, one.Object());
    TIDEGATE_ASSIGN(const json::Object function, ReadObject(outer, "function"));
    Tool tool;
    TIDEGATE_ASSIGN(tool.name, ReadString(function, "name"));
    if (const auto schema = FindValue(function, "parameters")) tool.schema = schema->raw();
    request.tools.push_back(std::move(tool));
  }
  request.extra_prompt_tokens += TokensOfBytes(value->raw().size());
  return Result<void>();
}

Result<void> ReadOptions(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto options, FindObject(body, "options"));
  if (!options) return Result<void>();
  if (const auto value = FindValue(*options, "num_predict")) {
    // −1 and −2 mean as much as fits.
    TIDEGATE_ASSIGN(const std::int64_t most, value->IntegerIn(-2, kTokenLimitMax));
    if (most > 0) request.output_tokens_max = most;
  }
  if (const auto value = FindValue(*options, "seed")) {
    TIDEGATE_ASSIGN(request.seed, value->Integer());
  }
  if (const auto value = FindValue(*options, "stop")) {
    TIDEGATE_ASSIGN(request.stop, ReadTexts(*value, kStopSequencesMax));
  }
  return Result<void>();
}

Result<void> ReadFormatAndThinking(const json::Object& body, ChatRequest& request) {
  if (const auto format = FindValue(body, "format")) {
    if (format->is_object()) {
      request.schema = format->raw();
      request.format = AnswerFormat::kJsonSchema;
      request.extra_prompt_tokens += TokensOfBytes(request.schema.size());
    } else {
      TIDEGATE_ASSIGN(const std::string_view word, format->String());
      if (!word.empty() && word != "json") {
        return format->Invalid("expected json or a JSON schema");
      }
      if (word == "json") request.format = AnswerFormat::kJsonObject;
    }
  }
  const auto think = FindValue(body, "think");
  if (!think) return Result<void>();
  bool thinks = true;
  if (think->is_string()) {
    const std::string_view level = *think->String();
    if (level != "low" && level != "medium" && level != "high" && level != "max") {
      return think->Invalid("expected true, false, low, medium, high or max");
    }
  } else {
    TIDEGATE_ASSIGN(thinks, think->Bool());
  }
  if (thinks) request.reasoning_tokens = kReasoningTokens;
  return Result<void>();
}

Result<void> ReadKeepAlive(const json::Object& body, Extra& extra) {
  const auto value = FindValue(body, "keep_alive");
  if (!value) return Result<void>();
  if (value->is_string()) {
    const std::string_view text = *value->String();
    extra.unloads = text == "0" || text == "0s";
    return Result<void>();
  }
  TIDEGATE_ASSIGN(const double seconds, value->Number());
  extra.unloads = seconds == 0;
  return Result<void>();
}

Result<void> ReadInputs(const json::Object& body, ChatRequest& request, Extra& extra) {
  request.task = TaskKind::kEmbed;
  TIDEGATE_ASSIGN(const json::Value input, body.Get("input"));
  const auto add = [&](const json::Value& value) -> Result<void> {
    TIDEGATE_ASSIGN(const std::string_view text, value.String());
    Push(request, {"user", std::string(text), "", 0, false}, text.size());
    return Result<void>();
  };
  if (input.is_array()) {
    for (const json::Value one : *input.Array()) TIDEGATE_TRY(add(one));
  } else {
    TIDEGATE_TRY(add(input));
  }
  if (const auto value = FindValue(body, "dimensions")) {
    TIDEGATE_ASSIGN(extra.dimensions, value->IntegerIn(1, kDimensionsMax));
  }
  return Result<void>();
}

}  // namespace

Result<ChatRequest> ParseRequest(const json::Value& body, Operation operation) {
  TIDEGATE_ASSIGN(const json::Object object, body.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  ChatRequest request;
  auto extra = std::make_shared<Extra>();
  extra->operation = operation;
  request.output_limit_field = "options.num_predict";
  TIDEGATE_TRY(ReadKeepAlive(object, *extra));
  if (operation == kEmbed) {
    TIDEGATE_TRY(ReadInputs(object, request, *extra));
    request.extra = std::move(extra);
    return request;
  }
  TIDEGATE_ASSIGN(request.stream, ReadBool(object, "stream", true));
  if (operation == kGenerate) {
    TIDEGATE_TRY(ReadPrompt(object, request));
  } else if (const auto messages = FindValue(object, "messages")) {
    TIDEGATE_ASSIGN(const json::Array array, messages->Array());
    for (const json::Value message : array) TIDEGATE_TRY(ReadMessage(message, request));
  }
  TIDEGATE_TRY(ReadTools(object, request));
  TIDEGATE_TRY(ReadOptions(object, request));
  TIDEGATE_TRY(ReadFormatAndThinking(object, request));
  // Without a message the model is only loaded, or unloaded.
  if (request.messages.empty()) request.task = TaskKind::kCountTokens;
  request.extra = std::move(extra);
  return request;
}

}  // namespace tidegate::emulator::ollama
