#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/shapes/cohere.h"

namespace tidegate::emulator::cohere {
namespace {

constexpr std::size_t kStopSequencesMax = 5;
constexpr std::size_t kEmbedTextsMax = 96;
constexpr std::size_t kDocumentsMax = 10'000;

void Push(ChatRequest& request, Message message, std::size_t bytes) {
  message.tokens += kTokensPerMessage + TokensOfBytes(bytes);
  request.messages.push_back(std::move(message));
}

Result<void> ReadContent(const json::Value& content, Message& message, std::size_t& bytes) {
  if (content.is_string()) {
    message.text = *content.String();
    bytes += message.text.size();
    return Result<void>();
  }
  TIDEGATE_ASSIGN(const json::Array parts, content.Array());
  for (const json::Value value : parts) {
    TIDEGATE_ASSIGN(const json::Object part, value.Object());
    TIDEGATE_ASSIGN(const std::string type, ReadString(part, "type"));
    if (type == "text") {
      TIDEGATE_ASSIGN(const std::string text, ReadString(part, "text"));
      message.text += text;
      bytes += text.size();
    } else if (type == "image_url") {
      message.tokens += kTokensPerImage;
    } else if (type == "document" || type == "thinking") {
      bytes += value.raw().size();
    } else {
      return value.Invalid("expected the type text, image_url, document or thinking");
    }
  }
  return Result<void>();
}

Result<void> ReadMessage(const json::Value& value, ChatRequest& request) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  Message message;
  TIDEGATE_ASSIGN(message.role, ReadString(object, "role"));
  if (message.role != "user" && message.role != "assistant" && message.role != "system" &&
      message.role != "tool") {
    return InvalidArgument(object.PathOf("role"),
                           "invalid role, must be one of system, user, "
                           "assistant, tool");
  }
  std::size_t bytes = 0;
  if (const auto content = FindValue(object, "content")) {
    TIDEGATE_TRY(ReadContent(*content, message, bytes));
  } else if (message.role != "assistant") {
    return InvalidArgument(object.PathOf("content"), "is required");
  }
  if (const auto calls = FindValue(object, "tool_calls")) bytes += calls->raw().size();
  if (message.role == "tool") {
    TIDEGATE_ASSIGN(message.tool_call_id, ReadString(object, "tool_call_id"));
  }
  Push(request, std::move(message), bytes);
  return Result<void>();
}

Result<void> ReadTools(const json::Object& body, ChatRequest& request) {
  if (const auto value = FindValue(body, "tools")) {
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
  }
  TIDEGATE_ASSIGN(const std::string choice, ReadOptionalString(body, "tool_choice"));
  if (choice == "REQUIRED") {
    request.tool_choice = ToolChoice::kRequired;
  } else if (choice == "NONE") {
    request.tool_choice = ToolChoice::kNone;
  } else if (!choice.empty()) {
    return InvalidArgument("tool_choice", "expected REQUIRED or NONE");
  }
  return Result<void>();
}

Result<void> ReadFormatAndThinking(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto format, FindObject(body, "response_format"));
  if (format) {
    TIDEGATE_ASSIGN(const std::string type, ReadString(*format, "type"));
    if (type == "json_object") {
      request.format = AnswerFormat::kJsonObject;
      for (const std::string_view key : {"json_schema", "schema"}) {
        if (const auto schema = FindValue(*format, key)) {
          request.schema = schema->raw();
          request.format = AnswerFormat::kJsonSchema;
          request.extra_prompt_tokens += TokensOfBytes(request.schema.size());
        }
      }
    } else if (type != "text") {
      return format->value().Invalid("expected the type text or json_object");
    }
  }
  TIDEGATE_ASSIGN(const auto thinking, FindObject(body, "thinking"));
  if (!thinking) return Result<void>();
  TIDEGATE_ASSIGN(const std::string type, ReadString(*thinking, "type"));
  if (type == "enabled") request.reasoning_tokens = kReasoningTokens;
  return Result<void>();
}

Result<void> ReadNumbers(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(request.stream, ReadBool(body, "stream", false));
  if (const auto value = FindValue(body, "max_tokens")) {
    TIDEGATE_ASSIGN(request.output_tokens_max, value->IntegerIn(1, kTokenLimitMax));
  }
  if (const auto value = FindValue(body, "seed")) {
    TIDEGATE_ASSIGN(request.seed, value->Integer());
  }
  if (const auto value = FindValue(body, "stop_sequences")) {
    TIDEGATE_ASSIGN(request.stop, ReadTexts(*value, kStopSequencesMax));
  }
  TIDEGATE_TRY(CheckNumber(body, "temperature", 0, 2));
  TIDEGATE_TRY(CheckNumber(body, "p", 0.01, 0.99));
  return CheckNumber(body, "k", 0, 500);
}

Result<void> ReadChat(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const json::Value messages, body.Get("messages"));
  TIDEGATE_ASSIGN(const json::Array array, messages.Array());
  if (array.empty()) return messages.Invalid("must contain at least one message");
  for (const json::Value message : array) TIDEGATE_TRY(ReadMessage(message, request));
  if (const auto documents = FindValue(body, "documents")) {
    request.extra_prompt_tokens += TokensOfBytes(documents->raw().size());
  }
  TIDEGATE_TRY(ReadTools(body, request));
  TIDEGATE_TRY(ReadFormatAndThinking(body, request));
  return ReadNumbers(body, request);
}

Result<void> ReadEmbed(const json::Object& body, ChatRequest& request, Extra& extra) {
  request.task = TaskKind::kEmbed;
  TIDEGATE_TRY(ReadString(body, "input_type"));
  TIDEGATE_ASSIGN(const json::Value value, body.Get("texts"));
  TIDEGATE_ASSIGN(const std::vector<std::string> texts, ReadTexts(value, kEmbedTextsMax));
  for (const std::string& text : texts) {
    Push(request, {"user", text, "", 0, false}, text.size());
  }
  if (const auto types = FindValue(body, "embedding_types")) {
    TIDEGATE_ASSIGN(const json::Array names, types->Array());
    extra.floats = false;
    for (const json::Value name : names) {
      TIDEGATE_ASSIGN(const std::string_view word, name.String());
      if (word == "float") {
        extra.floats = true;
      } else if (word == "base64") {
        extra.base64 = true;
      } else {
        return name.Invalid("the emulator has the types float and base64");
      }
    }
  }
  const auto dimensions = FindValue(body, "output_dimension");
  if (!dimensions) return Result<void>();
  TIDEGATE_ASSIGN(extra.dimensions, dimensions->Integer());
  for (const std::int64_t known : {256, 512, 1024, 1536}) {
    if (extra.dimensions == known) return Result<void>();
  }
  return dimensions->Invalid("must be one of 256, 512, 1024, 1536");
}

// The query is the first message, the documents the others.
Result<void> ReadRerank(const json::Object& body, ChatRequest& request, Extra& extra) {
  request.task = TaskKind::kRerank;
  TIDEGATE_ASSIGN(const std::string query, ReadString(body, "query"));
  Push(request, {"query", query, "", 0, false}, query.size());
  TIDEGATE_ASSIGN(const json::Value value, body.Get("documents"));
  TIDEGATE_ASSIGN(const std::vector<std::string> documents, ReadTexts(value, kDocumentsMax));
  if (documents.empty()) return value.Invalid("must contain at least one document");
  for (const std::string& document : documents) {
    Push(request, {"document", document, "", 0, false}, document.size());
  }
  if (const auto top = FindValue(body, "top_n")) {
    TIDEGATE_ASSIGN(extra.top, top->IntegerIn(1, kTokenLimitMax));
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
  switch (operation) {
    case kChat:
      TIDEGATE_TRY(ReadChat(object, request));
      break;
    case kEmbed:
      TIDEGATE_TRY(ReadEmbed(object, request, *extra));
      break;
    case kRerank:
      TIDEGATE_TRY(ReadRerank(object, request, *extra));
      break;
  }
  request.extra = std::move(extra);
  return request;
}

}  // namespace tidegate::emulator::cohere
