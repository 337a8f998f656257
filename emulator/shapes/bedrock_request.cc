#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/seal.h"
#include "emulator/shapes/bedrock.h"

namespace tidegate::emulator::bedrock {
namespace {

constexpr std::array<std::string_view, 4> kCountedFields = {"messages", "system", "toolConfig",
                                                            "additionalModelRequestFields"};
constexpr std::size_t kStopSequencesMax = 2'500;

class MessagesReader {
 public:
  explicit MessagesReader(ChatRequest& request) : request_(request) {}
  Result<void> ReadSystem(const json::Object& body);
  Result<void> Read(const json::Object& body);
  bool uses_tools() const { return uses_tools_; }

 private:
  Result<void> ReadMessage(const json::Value& value);
  Result<void> ReadBlock(const json::Value& value, bool user, Message& message, std::size_t& bytes);
  Result<void> ReadToolUse(const json::Object& use);
  Result<void> ReadToolResult(const json::Object& result);
  Result<void> ReadReasoning(const json::Object& reasoning);
  void Push(Message message, std::size_t bytes) {
    message.tokens += kTokensPerMessage + TokensOfBytes(bytes);
    request_.messages.push_back(std::move(message));
  }

  ChatRequest& request_;
  std::set<std::string, std::less<>> open_calls_;
  bool uses_tools_ = false;
  std::string user_turn_, last_role_;
  bool has_results_ = false;
};

Result<void> MessagesReader::ReadToolUse(const json::Object& use) {
  TIDEGATE_ASSIGN(std::string id, ReadString(use, "toolUseId"));
  TIDEGATE_TRY(ReadString(use, "name"));
  TIDEGATE_TRY(ReadObject(use, "input"));
  uses_tools_ = true;
  if (!open_calls_.insert(std::move(id)).second) {
    return use.value().Invalid("duplicate toolUse ids in one message");
  }
  return Result<void>();
}

Result<void> MessagesReader::ReadToolResult(const json::Object& result) {
  Message message;
  message.role = "tool";
  TIDEGATE_ASSIGN(message.tool_call_id, ReadString(result, "toolUseId"));
  const auto call = open_calls_.find(message.tool_call_id);
  if (call == open_calls_.end()) {
    return result.value().Invalid(fmt::format(
        "The number of toolResult blocks exceeds the number of toolUse blocks of previous turn: {}",
        message.tool_call_id));
  }
  open_calls_.erase(call);
  TIDEGATE_ASSIGN(const json::Value content, result.Get("content"));
  TIDEGATE_ASSIGN(const json::Array parts, content.Array());
  for (const json::Value value : parts) {
    TIDEGATE_ASSIGN(const json::Object part, value.Object());
    const auto text = FindValue(part, "text");
    message.text += text && text->is_string() ? *text->String() : value.raw();
  }
  user_turn_ += message.tool_call_id;
  has_results_ = true;
  const std::size_t bytes = message.text.size();
  Push(std::move(message), bytes);
  return Result<void>();
}

Result<void> MessagesReader::ReadReasoning(const json::Object& reasoning) {
  std::string text, signature;
  if (const auto sealed = FindValue(reasoning, "redactedContent")) {
    TIDEGATE_ASSIGN(signature, sealed->String());
  } else {
    TIDEGATE_ASSIGN(const json::Object inner, ReadObject(reasoning, "reasoningText"));
    TIDEGATE_ASSIGN(text, ReadString(inner, "text"));
    TIDEGATE_ASSIGN(signature, ReadOptionalString(inner, "signature"));
  }
  const std::string_view bound[] = {user_turn_, text};
  if (OpenSeal(kReasoningSeal, bound, signature)) return Result<void>();
  return reasoning.value().Invalid(
      "The model returned the following errors: Invalid `signature` in `thinking` block");
}

Result<void> MessagesReader::ReadBlock(const json::Value& value, bool user, Message& message,
                                       std::size_t& bytes) {
  TIDEGATE_ASSIGN(const json::Object block, value.Object());
  if (const auto text = FindValue(block, "text")) {
    TIDEGATE_ASSIGN(const std::string_view words, text->String());
    if (words.find_first_not_of(" \t\r\n") == std::string_view::npos) {
      return value.Invalid(
          "The text field in the ContentBlock object is blank. Add text to the text field, and try "
          "again.");
    }
    message.text += words;
    bytes += words.size();
    return Result<void>();
  }
  TIDEGATE_ASSIGN(const auto use, FindObject(block, "toolUse"));
  TIDEGATE_ASSIGN(const auto result, FindObject(block, "toolResult"));
  TIDEGATE_ASSIGN(const auto reasoning, FindObject(block, "reasoningContent"));
  if ((use && user) || (result && !user) || (reasoning && user)) {
    return value.Invalid("this block may not stand in a message of this role");
  }
  if (use) {
    bytes += value.raw().size();
    return ReadToolUse(*use);
  }
  if (result) return ReadToolResult(*result);
  if (reasoning) {
    bytes += value.raw().size();
    return ReadReasoning(*reasoning);
  }
  if (FindValue(block, "cachePoint")) {
    message.cache_mark = true;
    return Result<void>();
  }
  if (FindValue(block, "image")) {
    message.tokens += kTokensPerImage;
    return Result<void>();
  }
  for (const std::string_view key : {"document", "video", "audio", "guardContent"}) {
    if (!FindValue(block, key)) continue;
    bytes += value.raw().size();
    return Result<void>();
  }
  return value.Invalid("ContentBlock is a union: exactly one of its members must be set");
}

Result<void> MessagesReader::ReadSystem(const json::Object& body) {
  const auto value = FindValue(body, "system");
  if (!value) return Result<void>();
  TIDEGATE_ASSIGN(const json::Array blocks, value->Array());
  Message message;
  message.role = "system";
  std::size_t bytes = 0;
  for (const json::Value block : blocks) TIDEGATE_TRY(ReadBlock(block, true, message, bytes));
  Push(std::move(message), bytes);
  return Result<void>();
}

Result<void> MessagesReader::ReadMessage(const json::Value& value) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  TIDEGATE_ASSIGN(const std::string role, ReadString(object, "role"));
  const bool user = role == "user";
  if (!user && role != "assistant") {
    return InvalidArgument(object.PathOf("role"),
                           "Member must satisfy enum value set: [user, assistant]");
  }
  if (last_role_.empty() && !user) {
    return value.Invalid(
        "A conversation must start with a user message. Try again with a conversation that starts "
        "with a user message.");
  }
  if (last_role_ == role) {
    return value.Invalid("A conversation must alternate between user and assistant roles.");
  }
  last_role_ = role;
  if (user) user_turn_.clear();
  TIDEGATE_ASSIGN(const json::Value content, object.Get("content"));
  TIDEGATE_ASSIGN(const json::Array blocks, content.Array());
  if (blocks.empty()) return content.Invalid("The content field in the Message object is empty.");
  Message message;
  message.role = role;
  std::size_t bytes = 0;
  has_results_ = false;
  for (const json::Value block : blocks) TIDEGATE_TRY(ReadBlock(block, user, message, bytes));
  user_turn_ += user ? message.text : "";
  if (user && !open_calls_.empty()) {
    return value.Invalid(fmt::format("Expected toolResult blocks for the following Ids: {}",
                                     fmt::join(open_calls_, ", ")));
  }
  if (!has_results_ || bytes > 0 || message.tokens > 0) {
    Push(std::move(message), bytes);
  } else {
    request_.messages.back().cache_mark = message.cache_mark;
  }
  return Result<void>();
}

Result<void> MessagesReader::Read(const json::Object& body) {
  TIDEGATE_ASSIGN(const json::Value messages, body.Get("messages"));
  TIDEGATE_ASSIGN(const json::Array array, messages.Array());
  for (const json::Value message : array) TIDEGATE_TRY(ReadMessage(message));
  if (array.empty()) {
    return messages.Invalid("A conversation must start with a user message.");
  }
  return Result<void>();
}

Result<void> ReadToolChoice(const json::Object& config, ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto choice, FindObject(config, "toolChoice"));
  if (!choice) return Result<void>();
  if (FindValue(*choice, "any")) {
    request.tool_choice = ToolChoice::kRequired;
  } else if (FindValue(*choice, "tool")) {
    request.tool_choice = ToolChoice::kNamed;
    TIDEGATE_ASSIGN(const json::Object tool, ReadObject(*choice, "tool"));
    TIDEGATE_ASSIGN(request.tool_name, ReadString(tool, "name"));
  } else if (!FindValue(*choice, "auto")) {
    return choice->value().Invalid("expected auto, any or tool");
  }
  return Result<void>();
}

Result<void> ReadTools(const json::Object& body, bool needed, ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto config, FindObject(body, "toolConfig"));
  if (!config) {
    if (!needed) return Result<void>();
    return InvalidArgument("toolConfig",
                           "The toolConfig field must be defined when using toolUse and toolResult "
                           "content blocks.");
  }
  TIDEGATE_ASSIGN(const json::Value value, config->Get("tools"));
  TIDEGATE_ASSIGN(const json::Array tools, value.Array());
  for (const json::Value one : tools) {
    TIDEGATE_ASSIGN(const json::Object object, one.Object());
    if (FindValue(object, "cachePoint")) {
      request.tools_cache_mark = true;
      continue;
    }
    TIDEGATE_ASSIGN(const json::Object spec, ReadObject(object, "toolSpec"));
    Tool tool;
    TIDEGATE_ASSIGN(tool.name, ReadString(spec, "name"));
    TIDEGATE_ASSIGN(const json::Object schema, ReadObject(spec, "inputSchema"));
    TIDEGATE_ASSIGN(const json::Object document, ReadObject(schema, "json"));
    tool.schema = document.value().raw();
    request.tools.push_back(std::move(tool));
  }
  request.extra_prompt_tokens += TokensOfBytes(value.raw().size());
  return ReadToolChoice(*config, request);
}

Result<void> ReadConfig(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto config, FindObject(body, "inferenceConfig"));
  if (!config) return Result<void>();
  if (const auto value = FindValue(*config, "maxTokens")) {
    TIDEGATE_ASSIGN(request.output_tokens_max, value->IntegerIn(1, kTokenLimitMax));
  }
  TIDEGATE_TRY(CheckNumber(*config, "temperature", 0, 1));
  TIDEGATE_TRY(CheckNumber(*config, "topP", 0, 1));
  if (const auto value = FindValue(*config, "stopSequences")) {
    TIDEGATE_ASSIGN(request.stop, ReadTexts(*value, kStopSequencesMax));
  }
  return Result<void>();
}

// The model's own fields: thinking, as Claude takes it.
Result<void> ReadModelFields(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto fields, FindObject(body, "additionalModelRequestFields"));
  if (!fields) return Result<void>();
  for (const std::string_view key : {"thinking", "reasoning_config"}) {
    TIDEGATE_ASSIGN(const auto thinking, FindObject(*fields, key));
    if (!thinking) continue;
    TIDEGATE_ASSIGN(const std::string type, ReadString(*thinking, "type"));
    if (type == "enabled" || type == "adaptive") request.reasoning_tokens = kReasoningTokens;
  }
  return Result<void>();
}

// What counts takes nothing that only an answer depends on.
Result<void> CheckCounted(const json::Object& converse) {
  for (const json::Member& member : converse) {
    const auto* const end = kCountedFields.end();
    if (std::find(kCountedFields.begin(), end, member.key) == end) {
      return member.value.Invalid("is no member of what is counted");
    }
  }
  return Result<void>();
}

}  // namespace

std::string SignThought(std::string_view user_turn, std::string_view text) {
  const std::string_view bound[] = {user_turn, text};
  return MakeSeal(kReasoningSeal, bound);
}

std::string UserTurn(const ChatRequest& request) {
  std::string turn;
  std::size_t begin = request.messages.size();
  while (begin > 0 && request.messages[begin - 1].role != "assistant" &&
         request.messages[begin - 1].role != "system") {
    --begin;
  }
  // As the reader sees them: the results' ids first, then the text.
  for (std::size_t i = begin; i < request.messages.size(); ++i) {
    turn += request.messages[i].tool_call_id;
  }
  for (std::size_t i = begin; i < request.messages.size(); ++i) {
    if (request.messages[i].role == "user") turn += request.messages[i].text;
  }
  return turn;
}

Result<ChatRequest> ParseRequest(const Received& received, const json::Value& body) {
  TIDEGATE_ASSIGN(json::Object object, body.Object());
  ChatRequest request;
  if (received.call.operation == kCountTokens) {
    request.task = TaskKind::kCountTokens;
    TIDEGATE_ASSIGN(const json::Object input, ReadObject(object, "input"));
    TIDEGATE_ASSIGN(object, ReadObject(input, "converse"));
    TIDEGATE_TRY(CheckCounted(object));
  }
  TIDEGATE_TRY(object.RequireUniqueKeys());
  request.stream = received.call.stream;
  request.tool_call_prefix = "tooluse_";
  request.output_limit_field = "inferenceConfig.maxTokens";
  request.caches_on_request = true;
  MessagesReader messages(request);
  TIDEGATE_TRY(messages.ReadSystem(object));
  TIDEGATE_TRY(messages.Read(object));
  TIDEGATE_TRY(ReadTools(object, messages.uses_tools(), request));
  TIDEGATE_TRY(ReadConfig(object, request));
  TIDEGATE_TRY(ReadModelFields(object, request));
  return request;
}

}  // namespace tidegate::emulator::bedrock
