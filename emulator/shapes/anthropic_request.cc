#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <span>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/seal.h"
#include "emulator/shapes/anthropic.h"

namespace tidegate::emulator::anthropic {
namespace {

constexpr std::size_t kStopSequencesMax = 64;

constexpr std::array<std::string_view, 3> kSamplingFields = {"temperature", "top_p", "top_k"};
constexpr std::array<std::string_view, 22> kMessageFields = {
    "model",         "messages",           "max_tokens",
    "system",        "stop_sequences",     "stream",
    "tools",         "tool_choice",        "thinking",
    "metadata",      "service_tier",       "container",
    "mcp_servers",   "context_management", "output_config",
    "output_format", "cache_control",      "inference_geo",
    "speed",         "diagnostics",        "user_profile_id",
    "workspace_id"};
constexpr std::array<std::string_view, 11> kCountFields = {
    "model",         "messages",          "system",
    "tools",         "tool_choice",       "thinking",
    "mcp_servers",   "cache_control",     "output_config",
    "output_format", "context_management"};

// One message after the other, with what must hold between them.
class MessagesReader {
 public:
  MessagesReader(ChatRequest& request, bool strict) : request_(request), strict_(strict) {}

  Result<void> ReadSystem(const json::Value& value);
  Result<void> ReadMessages(const json::Value& messages);
  // Whether the message that holds the calls being answered begins with a thought.
  bool last_calls_have_thought() const { return last_calls_have_thought_; }
  const std::optional<json::Value>& last_calls() const { return last_calls_; }
  bool ends_with_results() const { return ends_with_results_; }
  bool ends_with_assistant() const { return ends_with_assistant_; }

 private:
  Result<void> ReadMessage(const json::Value& value, bool last);
  Result<void> ReadUser(const json::Array& blocks);
  Result<void> ReadAssistant(const json::Value& message, const json::Array& blocks);
  Result<void> ReadToolResult(const json::Object& block);
  Result<void> ReadToolUse(const json::Object& block);
  Result<void> ReadThought(const json::Object& block, std::string_view type);
  Result<void> AddPart(const json::Value& block, Message& message, std::size_t& bytes);
  Result<void> ReadCacheMark(const json::Object& block, Message& message);
  Result<void> CheckResults(const json::Value& message);
  void Push(Message message, std::size_t bytes);

  ChatRequest& request_;
  const bool strict_;
  std::string user_turn_;
  std::size_t block_ = 0;  // of the assistant's turn, which several messages may make up
  std::set<std::string, std::less<>> open_calls_;  // without a result yet
  std::set<std::string, std::less<>> seen_calls_;
  std::optional<json::Value> last_calls_;
  bool turn_begins_with_thought_ = false;
  bool last_calls_have_thought_ = false;
  bool ends_with_results_ = false;
  bool ends_with_assistant_ = false;
  std::string last_role_;
};

void MessagesReader::Push(Message message, std::size_t bytes) {
  message.tokens += kTokensPerMessage + TokensOfBytes(bytes);
  request_.messages.push_back(std::move(message));
}

Result<void> MessagesReader::ReadCacheMark(const json::Object& block, Message& message) {
  TIDEGATE_ASSIGN(const auto control, FindObject(block, "cache_control"));
  if (!control) return Result<void>();
  TIDEGATE_ASSIGN(const std::string type, ReadString(*control, "type"));
  if (type != "ephemeral") return control->value().Invalid("expected the type ephemeral");
  TIDEGATE_ASSIGN(const std::string ttl, ReadOptionalString(*control, "ttl"));
  if (!ttl.empty() && ttl != "5m" && ttl != "1h") {
    return control->value().Invalid("expected the ttl 5m or 1h");
  }
  message.cache_mark = true;
  request_.caches_on_request = true;
  request_.cache_for_an_hour = ttl == "1h";
  return Result<void>();
}

// A text, an image, or anything else whose size counts.
Result<void> MessagesReader::AddPart(const json::Value& block, Message& message,
                                     std::size_t& bytes) {
  TIDEGATE_ASSIGN(const json::Object object, block.Object());
  TIDEGATE_ASSIGN(const std::string type, ReadString(object, "type"));
  TIDEGATE_TRY(ReadCacheMark(object, message));
  if (type == "text") {
    TIDEGATE_ASSIGN(const std::string text, ReadString(object, "text"));
    if (text.empty()) return block.Invalid("text content blocks must be non-empty");
    const auto citations = FindValue(object, "citations");
    if (strict_ && citations && message.role == "user" && citations->is_array() &&
        !citations->Array()->empty()) {
      return citations->Invalid("Extra inputs are not permitted");
    }
    message.text += text;
    bytes += text.size();
    return Result<void>();
  }
  if (type == "image") {
    TIDEGATE_ASSIGN(const json::Object source, ReadObject(object, "source"));
    TIDEGATE_ASSIGN(const std::string kind, ReadString(source, "type"));
    if (kind != "base64" && kind != "url" && kind != "file") {
      return source.value().Invalid("expected the type base64, url or file");
    }
    message.tokens += kTokensPerImage;
    return Result<void>();
  }
  for (const std::string_view known :
       {"document", "search_result", "tool_reference", "container_upload"}) {
    if (type != known || (strict_ && type == "document" && message.role == "assistant")) continue;
    bytes += block.raw().size();
    return Result<void>();
  }
  return block.Invalid(fmt::format("Input tag '{}' is not expected here", type));
}

Result<void> MessagesReader::ReadSystem(const json::Value& value) {
  Message message;
  message.role = "system";
  std::size_t bytes = 0;
  if (value.is_string()) {
    TIDEGATE_ASSIGN(const std::string_view text, value.String());
    message.text = text;
    bytes = text.size();
  } else {
    TIDEGATE_ASSIGN(const json::Array blocks, value.Array());
    for (const json::Value block : blocks) TIDEGATE_TRY(AddPart(block, message, bytes));
  }
  Push(std::move(message), bytes);
  return Result<void>();
}

Result<void> MessagesReader::ReadToolResult(const json::Object& block) {
  Message message;
  message.role = "tool";
  TIDEGATE_ASSIGN(message.tool_call_id, ReadString(block, "tool_use_id"));
  const auto call = open_calls_.find(message.tool_call_id);
  if (call == open_calls_.end()) {
    return block.value().Invalid(fmt::format(
        "unexpected `tool_use_id` found in `tool_result` blocks: {}. Each `tool_result` block must "
        "have a corresponding `tool_use` block in the previous message.",
        message.tool_call_id));
  }
  open_calls_.erase(call);
  TIDEGATE_TRY(ReadCacheMark(block, message));
  TIDEGATE_TRY(ReadBool(block, "is_error", false));
  std::size_t bytes = 0;
  if (const auto content = FindValue(block, "content")) {
    if (content->is_string()) {
      message.text = *content->String();
      bytes = message.text.size();
    } else {
      TIDEGATE_ASSIGN(const json::Array parts, content->Array());
      for (const json::Value part : parts) TIDEGATE_TRY(AddPart(part, message, bytes));
    }
  }
  user_turn_ += message.tool_call_id;
  Push(std::move(message), bytes);
  return Result<void>();
}

Result<void> MessagesReader::CheckResults(const json::Value& message) {
  if (open_calls_.empty()) return Result<void>();
  return message.Invalid(fmt::format(
      "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each "
      "`tool_use` block must have a corresponding `tool_result` block in the next message.",
      fmt::join(open_calls_, ", ")));
}

// The results of tools come first, each as a message of its own.
Result<void> MessagesReader::ReadUser(const json::Array& blocks) {
  if (last_role_ != "user") user_turn_.clear();
  Message message;
  message.role = "user";
  std::size_t bytes = 0;
  bool others = false;
  ends_with_results_ = false;
  for (const json::Value value : blocks) {
    TIDEGATE_ASSIGN(const json::Object block, value.Object());
    TIDEGATE_ASSIGN(const std::string type, ReadString(block, "type"));
    if (type == "tool_result" && !others) {
      ends_with_results_ = true;
      TIDEGATE_TRY(ReadToolResult(block));
      continue;
    }
    if (!others) TIDEGATE_TRY(CheckResults(blocks.value()));
    others = true;
    TIDEGATE_TRY(AddPart(value, message, bytes));
  }
  TIDEGATE_TRY(CheckResults(blocks.value()));
  user_turn_ += message.text;
  if (others || blocks.empty()) Push(std::move(message), bytes);
  return Result<void>();
}

Result<void> MessagesReader::ReadThought(const json::Object& block, std::string_view type) {
  const std::string place = ThoughtPlace(user_turn_, block_);
  if (type == "redacted_thinking") {
    TIDEGATE_ASSIGN(const std::string data, ReadString(block, "data"));
    const std::string_view bound[] = {place};
    if (OpenSeal(kRedactedSeal, bound, data)) return Result<void>();
    return block.value().Invalid("Invalid `data` in `redacted_thinking` block");
  }
  TIDEGATE_ASSIGN(const std::string text, ReadString(block, "thinking"));
  TIDEGATE_ASSIGN(const std::string signature, ReadString(block, "signature"));
  const std::string_view bound[] = {place, text};
  if (OpenSeal(kThinkingSeal, bound, signature)) return Result<void>();
  return block.value().Invalid("Invalid `signature` in `thinking` block");
}

Result<void> MessagesReader::ReadToolUse(const json::Object& block) {
  constexpr std::string_view kIdBytes =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  TIDEGATE_ASSIGN(std::string id, ReadString(block, "id"));
  TIDEGATE_TRY(ReadString(block, "name"));
  TIDEGATE_TRY(ReadObject(block, "input"));
  if (id.empty() || id.find_first_not_of(kIdBytes) != std::string::npos) {
    return InvalidArgument(block.PathOf("id"), "String should match pattern '^[a-zA-Z0-9_-]+$'");
  }
  if (!seen_calls_.insert(id).second) {
    return block.value().Invalid("`tool_use` ids must be unique");
  }
  open_calls_.insert(std::move(id));
  return Result<void>();
}

Result<void> MessagesReader::ReadAssistant(const json::Value& message, const json::Array& blocks) {
  if (last_role_ != "assistant") {
    block_ = 0;
    turn_begins_with_thought_ = false;
  }
  Message read;
  read.role = "assistant";
  std::size_t bytes = 0;
  for (const json::Value value : blocks) {
    TIDEGATE_ASSIGN(const json::Object block, value.Object());
    TIDEGATE_ASSIGN(const std::string type, ReadString(block, "type"));
    if (type == "thinking" || type == "redacted_thinking") {
      TIDEGATE_TRY(ReadThought(block, type));
      if (block_ == 0) turn_begins_with_thought_ = true;
      bytes += value.raw().size();
    } else if (type == "tool_use") {
      TIDEGATE_TRY(ReadToolUse(block));
      TIDEGATE_TRY(ReadCacheMark(block, read));
      bytes += value.raw().size();
      last_calls_ = message;
      last_calls_have_thought_ = turn_begins_with_thought_;
    } else {
      TIDEGATE_TRY(AddPart(value, read, bytes));
    }
    ++block_;
  }
  Push(std::move(read), bytes);
  return Result<void>();
}

Result<void> MessagesReader::ReadMessage(const json::Value& value, bool last) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  TIDEGATE_ASSIGN(const std::string role, ReadString(object, "role"));
  if (role != "user" && role != "assistant" && role != "system") {
    return InvalidArgument(object.PathOf("role"),
                           "Input should be 'user', 'assistant' or 'system'");
  }
  const bool user = role == "user";
  TIDEGATE_ASSIGN(const json::Value content, object.Get("content"));
  if (role == "system") {
    user_turn_.clear();
    last_role_ = role;
    ends_with_assistant_ = false;
    return ReadSystem(content);
  }
  if (content.is_string()) {
    const std::string_view text = *content.String();
    if (text.empty() && (user || !last)) {
      return value.Invalid(
          "all messages must have non-empty content except for the optional "
          "final assistant message");
    }
    if (last && !user && !text.empty() && text.back() == ' ') {
      return value.Invalid("final assistant content cannot end with trailing whitespace");
    }
    if (user) TIDEGATE_TRY(CheckResults(value));
    if (user && last_role_ != "user") user_turn_.clear();
    if (user) user_turn_ += text;
    if (!user && last_role_ != "assistant") block_ = 0;
    if (!user) ++block_;
    ends_with_results_ = false;
    Message message;
    message.role = role;
    message.text = text;
    Push(std::move(message), text.size());
  } else {
    TIDEGATE_ASSIGN(const json::Array blocks, content.Array());
    if (user) TIDEGATE_TRY(ReadUser(blocks));
    if (!user) TIDEGATE_TRY(ReadAssistant(value, blocks));
  }
  last_role_ = role;
  ends_with_assistant_ = !user;
  return Result<void>();
}

Result<void> MessagesReader::ReadMessages(const json::Value& messages) {
  TIDEGATE_ASSIGN(const json::Array array, messages.Array());
  if (array.empty()) return messages.Invalid("at least one message is required");
  const std::size_t count = array.Count();
  std::size_t index = 0;
  for (const json::Value message : array) {
    TIDEGATE_TRY(ReadMessage(message, ++index == count));
    if (index == 1 && last_role_ == "assistant") {
      return message.Invalid("first message must use the \"user\" role");
    }
  }
  return CheckResults(messages);
}

Result<void> CheckFields(const json::Object& body, std::span<const std::string_view> known,
                         bool sampling) {
  const auto is_in = [](std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const json::Member& member : body) {
    if (is_in(known, member.key) || (sampling && is_in(kSamplingFields, member.key))) continue;
    return InvalidArgument(std::string(member.key), "Extra inputs are not permitted");
  }
  return Result<void>();
}

Result<void> ReadToolChoice(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto choice, FindObject(body, "tool_choice"));
  if (!choice) return Result<void>();
  TIDEGATE_ASSIGN(const std::string type, ReadString(*choice, "type"));
  if (type == "any") {
    request.tool_choice = ToolChoice::kRequired;
  } else if (type == "none") {
    request.tool_choice = ToolChoice::kNone;
  } else if (type == "tool") {
    request.tool_choice = ToolChoice::kNamed;
    TIDEGATE_ASSIGN(request.tool_name, ReadString(*choice, "name"));
  } else if (type != "auto") {
    return choice->value().Invalid("expected the type auto, any, tool or none");
  }
  TIDEGATE_ASSIGN(const bool alone, ReadBool(*choice, "disable_parallel_tool_use", false));
  request.parallel_tool_calls = !alone;
  return Result<void>();
}

Result<void> ReadTools(const json::Object& body, ChatRequest& request) {
  if (const auto value = FindValue(body, "tools")) {
    TIDEGATE_ASSIGN(const json::Array tools, value->Array());
    for (const json::Value one : tools) {
      TIDEGATE_ASSIGN(const json::Object object, one.Object());
      Tool tool;
      TIDEGATE_ASSIGN(tool.name, ReadString(object, "name"));
      TIDEGATE_ASSIGN(const std::string type, ReadOptionalString(object, "type"));
      if (type.empty() || type == "custom") {
        TIDEGATE_ASSIGN(const json::Object schema, ReadObject(object, "input_schema"));
        TIDEGATE_TRY(ReadString(schema, "type"));
        tool.schema = schema.value().raw();
      }
      if (FindValue(object, "cache_control")) {
        request.caches_on_request = request.tools_cache_mark = true;
      }
      request.tools.push_back(std::move(tool));
    }
    request.extra_prompt_tokens += TokensOfBytes(value->raw().size());
  }
  return ReadToolChoice(body, request);
}

Result<void> ReadFormat(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(auto format, FindObject(body, "output_format"));
  if (!format) {
    TIDEGATE_ASSIGN(const auto config, FindObject(body, "output_config"));
    if (!config) return Result<void>();
    TIDEGATE_ASSIGN(format, FindObject(*config, "format"));
  }
  if (!format) return Result<void>();
  TIDEGATE_ASSIGN(const std::string type, ReadString(*format, "type"));
  if (type != "json_schema") return format->value().Invalid("expected the type json_schema");
  TIDEGATE_ASSIGN(const json::Object schema, ReadObject(*format, "schema"));
  request.schema = schema.value().raw();
  request.format = AnswerFormat::kJsonSchema;
  request.extra_prompt_tokens += TokensOfBytes(request.schema.size());
  return Result<void>();
}

Result<void> CheckThinking(const json::Object& body, const ChatRequest& request,
                           const MessagesReader& messages) {
  if (const auto value = FindValue(body, "temperature")) {
    TIDEGATE_ASSIGN(const double temperature, value->Number());
    if (temperature != 1) {
      return value->Invalid("`temperature` may only be set to 1 when thinking is enabled");
    }
  }
  if (request.tool_choice == ToolChoice::kRequired || request.tool_choice == ToolChoice::kNamed) {
    return InvalidArgument("tool_choice",
                           "Thinking may not be enabled when tool_choice forces tool use.");
  }
  if (messages.ends_with_results() && !messages.last_calls_have_thought() &&
      messages.last_calls()) {
    return messages.last_calls()->Invalid(
        "Expected `thinking` or `redacted_thinking`, but found another block. When `thinking` is "
        "enabled, a final `assistant` message must start with a thinking block (preceeding the "
        "lastmost set of `tool_use` and `tool_result` blocks).");
  }
  if (messages.ends_with_assistant()) {
    return InvalidArgument("messages", "an answer cannot be prefilled when thinking is enabled");
  }
  return Result<void>();
}

Result<void> ReadThinking(const json::Object& body, const MessagesReader& messages,
                          ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto thinking, FindObject(body, "thinking"));
  if (!thinking) return Result<void>();
  TIDEGATE_ASSIGN(const std::string type, ReadString(*thinking, "type"));
  if (type == "disabled") return Result<void>();
  if (type != "enabled" && type != "adaptive" && type != "between_tools") {
    return thinking->value().Invalid(
        "expected the type enabled, adaptive, between_tools or disabled");
  }
  if (type == "enabled") {
    TIDEGATE_ASSIGN(const json::Value value, thinking->Get("budget_tokens"));
    TIDEGATE_ASSIGN(const std::int64_t budget, value.IntegerIn(0, kTokenLimitMax));
    if (budget < kThinkingBudgetMin) {
      return value.Invalid("Input should be greater than or equal to 1024");
    }
    if (request.output_tokens_max && *request.output_tokens_max <= budget) {
      return InvalidArgument("max_tokens",
                             "`max_tokens` must be greater than `thinking.budget_tokens`.");
    }
  }
  request.reasoning_tokens = kReasoningTokens;
  return CheckThinking(body, request, messages);
}

Result<void> ReadNumbers(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const json::Value value, body.Get("max_tokens"));
  TIDEGATE_ASSIGN(request.output_tokens_max, value.IntegerIn(0, kTokenLimitMax));
  TIDEGATE_TRY(CheckNumber(body, "temperature", 0, 1));
  TIDEGATE_TRY(CheckNumber(body, "top_p", 0, 1));
  TIDEGATE_ASSIGN(request.stream, ReadBool(body, "stream", false));
  const auto stops = FindValue(body, "stop_sequences");
  if (stops) {
    TIDEGATE_ASSIGN(request.stop, ReadTexts(*stops, kStopSequencesMax));
  }
  return Result<void>();
}

}  // namespace

std::string ThoughtPlace(std::string_view user_turn, std::size_t block) {
  return fmt::format("{} {}", block, user_turn);
}

std::string UserTurn(const ChatRequest& request) {
  std::string turn;
  std::size_t begin = request.messages.size();
  const auto is_user = [&](std::size_t i) {
    const std::string& role = request.messages[i].role;
    return role == "user" || role == "tool";
  };
  while (begin > 0 && is_user(begin - 1)) --begin;
  for (std::size_t i = begin; i < request.messages.size(); ++i) {
    const Message& message = request.messages[i];
    turn += message.role == "tool" ? message.tool_call_id : message.text;
  }
  return turn;
}

Result<ChatRequest> ParseRequest(const json::Value& body, bool counting, bool strict) {
  TIDEGATE_ASSIGN(const json::Object object, body.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  const auto known = counting ? std::span<const std::string_view>(kCountFields)
                              : std::span<const std::string_view>(kMessageFields);
  TIDEGATE_TRY(CheckFields(object, known, !counting && !strict));
  ChatRequest request;
  request.task = counting ? TaskKind::kCountTokens : TaskKind::kChat;
  request.tool_call_prefix = "toolu_";
  // A protocol whose caches are only used where the caller marks them.
  request.caches_on_request = true;
  if (!counting) TIDEGATE_TRY(ReadNumbers(object, request));
  TIDEGATE_TRY(ReadTools(object, request));
  TIDEGATE_TRY(ReadFormat(object, request));
  MessagesReader messages(request, strict);
  if (const auto system = FindValue(object, "system")) {
    TIDEGATE_TRY(messages.ReadSystem(*system));
  }
  TIDEGATE_ASSIGN(const json::Value value, object.Get("messages"));
  TIDEGATE_TRY(messages.ReadMessages(value));
  TIDEGATE_TRY(ReadThinking(object, messages, request));
  if (FindValue(object, "cache_control")) request.messages.back().cache_mark = true;
  return request;
}

}  // namespace tidegate::emulator::anthropic
