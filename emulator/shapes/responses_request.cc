#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/seal.h"
#include "emulator/shapes/responses.h"
#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::emulator::responses {
namespace {

constexpr std::size_t kConversationBytesMax = 32U << 20U;
constexpr std::int64_t kOutputTokensMin = 16;

constexpr std::array<std::string_view, 29> kFields = {"model",
                                                      "input",
                                                      "instructions",
                                                      "max_output_tokens",
                                                      "max_tool_calls",
                                                      "tools",
                                                      "tool_choice",
                                                      "parallel_tool_calls",
                                                      "text",
                                                      "reasoning",
                                                      "include",
                                                      "store",
                                                      "previous_response_id",
                                                      "stream",
                                                      "stream_options",
                                                      "metadata",
                                                      "temperature",
                                                      "top_p",
                                                      "top_logprobs",
                                                      "truncation",
                                                      "user",
                                                      "service_tier",
                                                      "safety_identifier",
                                                      "prompt_cache_key",
                                                      "prompt_cache_retention",
                                                      "prompt",
                                                      "background",
                                                      "conversation",
                                                      "context_management"};

Error Coded(Error error, std::string_view reason) {
  error.reason = reason;
  return error;
}

// The items of a conversation, in their order.
class ItemsReader {
 public:
  ItemsReader(ChatRequest& request, const ResponseStore& store)
      : request_(request), store_(store) {}
  // `kept`: they come from the store.
  Result<void> Read(const json::Array& items, bool kept);
  // What must hold at the end.
  Result<void> Check() const;

 private:
  Result<void> ReadItem(const json::Value& value);
  Result<void> ReadMessage(const json::Object& item);
  Result<void> ReadContent(const json::Value& content, Message& message);
  Result<void> ReadOutput(const json::Object& item);
  Result<void> ReadReasoning(const json::Object& item);
  void Push(Message message, std::size_t bytes) {
    message.tokens += kTokensPerMessage + TokensOfBytes(bytes);
    request_.messages.push_back(std::move(message));
  }

  ChatRequest& request_;
  const ResponseStore& store_;
  bool kept_ = false;
  std::set<std::string, std::less<>> open_calls_, calls_;
  std::string lone_reasoning_;  // the id of a reasoning item that nothing follows yet
};

Result<void> ItemsReader::ReadContent(const json::Value& content, Message& message) {
  if (content.is_string()) {
    message.text = *content.String();
    return Result<void>();
  }
  TIDEGATE_ASSIGN(const json::Array parts, content.Array());
  for (const json::Value value : parts) {
    TIDEGATE_ASSIGN(const json::Object part, value.Object());
    TIDEGATE_ASSIGN(const std::string type, ReadString(part, "type"));
    if (type == "input_text" || type == "output_text") {
      TIDEGATE_ASSIGN(const std::string text, ReadString(part, "text"));
      message.text += text;
    } else if (type == "refusal") {
      TIDEGATE_ASSIGN(const std::string text, ReadString(part, "refusal"));
      message.text += text;
    } else if (type == "input_image") {
      message.tokens += kTokensPerImage;
    } else if (type == "input_file" || type == "input_audio") {
      message.tokens += TokensOfBytes(value.raw().size());
    } else {
      return Coded(InvalidArgument(part.PathOf("type"),
                                   fmt::format("Invalid value: '{}'. Supported values are: "
                                               "'input_text', 'input_image', 'output_text', "
                                               "'refusal', 'input_file' and 'input_audio'.",
                                               type)),
                   "invalid_value");
    }
  }
  return Result<void>();
}

Result<void> ItemsReader::ReadMessage(const json::Object& item) {
  Message message;
  TIDEGATE_ASSIGN(message.role, ReadString(item, "role"));
  const bool known = message.role == "user" || message.role == "assistant" ||
                     message.role == "system" || message.role == "developer";
  if (!known) {
    return Coded(InvalidArgument(item.PathOf("role"),
                                 fmt::format("Invalid value: '{}'. Supported values are: "
                                             "'assistant', 'system', 'developer' and 'user'.",
                                             message.role)),
                 "invalid_value");
  }
  TIDEGATE_ASSIGN(const json::Value content, item.Get("content"));
  TIDEGATE_TRY(ReadContent(content, message));
  const std::size_t bytes = message.text.size();
  Push(std::move(message), bytes);
  return Result<void>();
}

Result<void> ItemsReader::ReadOutput(const json::Object& item) {
  Message message;
  message.role = "tool";
  TIDEGATE_ASSIGN(message.tool_call_id, ReadString(item, "call_id"));
  if (!calls_.contains(message.tool_call_id)) {
    return InvalidArgument("input",
                           fmt::format("No tool call found for function call output with call_id "
                                       "{}.",
                                       message.tool_call_id));
  }
  open_calls_.erase(message.tool_call_id);
  TIDEGATE_ASSIGN(const json::Value output, item.Get("output"));
  TIDEGATE_TRY(ReadContent(output, message));
  const std::size_t bytes = message.text.size();
  Push(std::move(message), bytes);
  return Result<void>();
}

// A kept item needs no encrypted content; where there is some, it must be the item's own.
Result<void> ItemsReader::ReadReasoning(const json::Object& item) {
  TIDEGATE_ASSIGN(const std::string id, ReadString(item, "id"));
  TIDEGATE_ASSIGN(const json::Value summary, item.Get("summary"));
  TIDEGATE_TRY(summary.Array());
  lone_reasoning_ = id;
  TIDEGATE_ASSIGN(const std::string sealed, ReadOptionalString(item, "encrypted_content"));
  if (sealed.empty()) {
    const std::string_view answer =
        std::string_view(id).substr(std::min<std::size_t>(3, id.size()));
    if (kept_ || store_.Find(fmt::format("resp_{}", answer))) return Result<void>();
    return NotFound(
        fmt::format("Item with id '{}' not found. Items are not persisted when `store` "
                    "is set to false. Try again with `store` set to true, or remove "
                    "this item from your input.",
                    id));
  }
  const std::string_view bound[] = {id};
  if (OpenSeal(kReasoningSeal, bound, sealed)) return Result<void>();
  return Coded(InvalidArgument(
                   "", fmt::format("The encrypted content for item {} could not be verified.", id)),
               "invalid_encrypted_content");
}

Result<void> ItemsReader::ReadItem(const json::Value& value) {
  TIDEGATE_ASSIGN(const json::Object item, value.Object());
  TIDEGATE_ASSIGN(const std::string type, ReadOptionalString(item, "type"));
  if (type == "reasoning") return ReadReasoning(item);
  lone_reasoning_.clear();
  if (type.empty() || type == "message") return ReadMessage(item);
  if (type == "function_call_output" || type == "custom_tool_call_output") return ReadOutput(item);
  if (type == "function_call" || type == "custom_tool_call") {
    TIDEGATE_ASSIGN(std::string id, ReadString(item, "call_id"));
    TIDEGATE_TRY(ReadString(item, "name"));
    TIDEGATE_TRY(ReadString(item, type == "function_call" ? "arguments" : "input"));
    open_calls_.insert(id);
    calls_.insert(std::move(id));
    Message message;
    message.role = "assistant";
    Push(std::move(message), value.raw().size());
    return Result<void>();
  }
  return Coded(InvalidArgument(item.PathOf("type"), fmt::format("Invalid value: '{}'.", type)),
               "invalid_value");
}

Result<void> ItemsReader::Read(const json::Array& items, bool kept) {
  kept_ = kept;
  for (const json::Value item : items) TIDEGATE_TRY(ReadItem(item));
  return Result<void>();
}

Result<void> ItemsReader::Check() const {
  if (!open_calls_.empty()) {
    return InvalidArgument(
        "input", fmt::format("No tool output found for function call {}.", *open_calls_.begin()));
  }
  if (!lone_reasoning_.empty()) {
    return InvalidArgument("input",
                           fmt::format("Item '{}' of type 'reasoning' was provided without its "
                                       "required following item.",
                                       lone_reasoning_));
  }
  return Result<void>();
}

Result<void> ReadInput(const json::Object& body, const ResponseStore& store, ChatRequest& request,
                       Extra& extra) {
  ItemsReader items(request, store);
  TIDEGATE_ASSIGN(const std::string instructions, ReadOptionalString(body, "instructions"));
  if (!instructions.empty()) {
    Message message;
    message.role = "system";
    message.text = instructions;
    message.tokens = kTokensPerMessage + TokensOfBytes(instructions.size());
    request.messages.push_back(std::move(message));
  }
  TIDEGATE_ASSIGN(extra.previous_id, ReadOptionalString(body, "previous_response_id"));
  if (!extra.previous_id.empty()) {
    auto previous = store.Find(extra.previous_id);
    if (!previous) {
      return Coded(InvalidArgument(
                       "previous_response_id",
                       fmt::format("Previous response with id '{}' not found.", extra.previous_id)),
                   "previous_response_not_found");
    }
    extra.conversation = std::move(previous->conversation);
    json::Reader reader;
    TIDEGATE_ASSIGN(const json::Value before,
                    reader.ParseCopy(extra.conversation, kConversationBytesMax));
    TIDEGATE_ASSIGN(const json::Array array, before.Array());
    TIDEGATE_TRY(items.Read(array, true));
  }
  TIDEGATE_ASSIGN(const json::Value input, body.Get("input"));
  if (input.is_string()) {
    const std::string_view text = *input.String();
    request.messages.push_back(
        {"user", std::string(text), "", kTokensPerMessage + TokensOfBytes(text.size()), false});
    extra.input = fmt::format(
        R"([{{"type":"message","role":"user","content":[{{"type":"input_text","text":{}}}]}}])",
        input.raw());
  } else {
    TIDEGATE_ASSIGN(const json::Array array, input.Array());
    if (array.empty() && extra.previous_id.empty()) return input.Invalid("must not be empty");
    TIDEGATE_TRY(items.Read(array, false));
    extra.input = input.raw();
  }
  extra.conversation = JoinArrays(extra.conversation, extra.input);
  return items.Check();
}

Result<void> ReadToolChoice(const json::Value& value, ChatRequest& request) {
  if (value.is_object()) {
    const json::Object choice = *value.Object();
    TIDEGATE_ASSIGN(const std::string type, ReadString(choice, "type"));
    if (type == "allowed_tools") {
      TIDEGATE_ASSIGN(const std::string mode, ReadString(choice, "mode"));
      if (mode == "required") request.tool_choice = ToolChoice::kRequired;
      return Result<void>();
    }
    if (type != "function") return value.Invalid("only the types function and allowed_tools work");
    request.tool_choice = ToolChoice::kNamed;
    TIDEGATE_ASSIGN(request.tool_name, ReadString(choice, "name"));
    return Result<void>();
  }
  TIDEGATE_ASSIGN(const std::string_view word, value.String());
  if (word == "none") {
    request.tool_choice = ToolChoice::kNone;
  } else if (word == "required") {
    request.tool_choice = ToolChoice::kRequired;
  } else if (word != "auto") {
    return Coded(value.Invalid("expected none, auto, required or an object"), "invalid_value");
  }
  return Result<void>();
}

Result<void> ReadTools(const json::Object& body, ChatRequest& request) {
  if (const auto value = FindValue(body, "tools")) {
    TIDEGATE_ASSIGN(const json::Array tools, value->Array());
    for (const json::Value one : tools) {
      TIDEGATE_ASSIGN(const json::Object object, one.Object());
      TIDEGATE_ASSIGN(const std::string type, ReadString(object, "type"));
      if (type != "function") continue;  // the provider's own tools, which are never called here
      Tool tool;
      TIDEGATE_ASSIGN(tool.name, ReadString(object, "name"));
      if (const auto schema = FindValue(object, "parameters")) tool.schema = schema->raw();
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
  TIDEGATE_ASSIGN(const auto text, FindObject(body, "text"));
  if (!text) return Result<void>();
  TIDEGATE_ASSIGN(const auto format, FindObject(*text, "format"));
  if (!format) return Result<void>();
  TIDEGATE_ASSIGN(const std::string type, ReadString(*format, "type"));
  if (type == "json_object") {
    request.format = AnswerFormat::kJsonObject;
  } else if (type == "json_schema") {
    TIDEGATE_TRY(ReadString(*format, "name"));
    TIDEGATE_ASSIGN(const json::Object schema, ReadObject(*format, "schema"));
    request.schema = schema.value().raw();
    request.format = AnswerFormat::kJsonSchema;
    request.extra_prompt_tokens += TokensOfBytes(request.schema.size());
  } else if (type != "text") {
    return format->value().Invalid("expected the type text, json_object or json_schema");
  }
  return Result<void>();
}

Result<void> ReadReasoning(const json::Object& body, ChatRequest& request, Extra& extra) {
  if (const auto include = FindValue(body, "include")) {
    TIDEGATE_ASSIGN(const json::Array names, include->Array());
    for (const json::Value name : names) {
      TIDEGATE_ASSIGN(const std::string_view text, name.String());
      if (text == "reasoning.encrypted_content") extra.encrypted_reasoning = true;
    }
  }
  TIDEGATE_ASSIGN(const auto reasoning, FindObject(body, "reasoning"));
  if (!reasoning) return Result<void>();
  TIDEGATE_ASSIGN(const std::string effort, ReadOptionalString(*reasoning, "effort"));
  if (!effort.empty() && effort != "none") request.reasoning_tokens = kReasoningTokens;
  TIDEGATE_ASSIGN(const std::string summary, ReadOptionalString(*reasoning, "summary"));
  extra.summary = !summary.empty();
  return Result<void>();
}

// What a response repeats of its request, with what holds when the request says nothing.
std::string Echo(const json::Object& body) {
  struct Member {
    std::string_view key, missing;
  };
  constexpr std::array kMembers = {
      Member{"instructions", "null"},
      Member{"max_output_tokens", "null"},
      Member{"parallel_tool_calls", "true"},
      Member{"previous_response_id", "null"},
      Member{"reasoning", R"({"effort":null,"summary":null})"},
      Member{"store", "true"},
      Member{"temperature", "1.0"},
      Member{"text", R"({"format":{"type":"text"}})"},
      Member{"tool_choice", "\"auto\""},
      Member{"tools", "[]"},
      Member{"top_p", "1.0"},
      Member{"truncation", "\"disabled\""},
      Member{"user", "null"},
      Member{"metadata", "{}"},
  };
  std::string echo;
  for (const Member& member : kMembers) {
    const auto value = FindValue(body, member.key);
    echo += fmt::format(",\"{}\":{}", member.key, value ? value->raw() : member.missing);
  }
  return echo;
}

Result<void> CheckFields(const json::Object& body) {
  TIDEGATE_TRY(body.RequireUniqueKeys());
  for (const json::Member& member : body) {
    if (std::find(kFields.begin(), kFields.end(), member.key) != kFields.end()) continue;
    return Coded(InvalidArgument(std::string(member.key),
                                 fmt::format("Unknown parameter: '{}'.", member.key)),
                 "unknown_parameter");
  }
  for (const std::string_view key : {"conversation", "prompt"}) {
    if (!FindValue(body, key)) continue;
    return InvalidArgument(std::string(key), "the emulator keeps no such things; leave it out");
  }
  TIDEGATE_ASSIGN(const bool background, ReadBool(body, "background", false));
  if (background)
    return InvalidArgument("background", "the emulator answers at once; leave it out");
  return Result<void>();
}

}  // namespace

std::string JoinArrays(std::string_view array, std::string_view more) {
  const auto inside = [](std::string_view text) {
    text.remove_prefix(text.find('[') + 1);
    return text.substr(0, text.rfind(']'));
  };
  const std::string_view first = inside(array);
  const std::string_view second = inside(more);
  const auto blank = [](std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  };
  const std::string_view comma = blank(first) || blank(second) ? "" : ",";
  return fmt::format("[{}{}{}]", first, comma, second);
}

Result<ChatRequest> ParseRequest(const json::Value& body, const ResponseStore& store) {
  TIDEGATE_ASSIGN(const json::Object object, body.Object());
  TIDEGATE_TRY(CheckFields(object));
  ChatRequest request;
  auto extra = std::make_shared<Extra>();
  request.output_limit_field = "max_output_tokens";
  TIDEGATE_TRY(ReadTools(object, request));
  TIDEGATE_TRY(ReadFormat(object, request));
  TIDEGATE_TRY(ReadReasoning(object, request, *extra));
  if (const auto value = FindValue(object, "max_output_tokens")) {
    TIDEGATE_ASSIGN(request.output_tokens_max, value->IntegerIn(kOutputTokensMin, kTokenLimitMax));
  }
  TIDEGATE_TRY(CheckNumber(object, "temperature", 0, 2));
  TIDEGATE_TRY(CheckNumber(object, "top_p", 0, 1));
  TIDEGATE_ASSIGN(request.stream, ReadBool(object, "stream", false));
  TIDEGATE_ASSIGN(extra->store, ReadBool(object, "store", true));
  TIDEGATE_TRY(ReadInput(object, store, request, *extra));
  extra->echo = Echo(object);
  request.extra = std::move(extra);
  return request;
}

}  // namespace tidegate::emulator::responses
