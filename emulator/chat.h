// A request to a model and its answer, free of any protocol: a protocol's file reads the one and
// writes the other.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"

namespace tidegate::emulator {

struct Message {
  std::string role;
  std::string text;          // all text parts together
  std::string tool_call_id;  // of a tool's result
  std::int64_t tokens = 0;   // by the rule of TokensOfBytes, with kTokensPerMessage
  bool cache_mark = false;   // the caller wants the prompt up to here cached
};

struct Tool {
  std::string name;
  std::string schema;  // JSON Schema of the arguments
};

enum class ToolChoice : std::uint8_t { kNone, kAuto, kRequired, kNamed };
enum class AnswerFormat : std::uint8_t { kText, kJsonObject, kJsonSchema };

// kChat also stands for completions of a text. Of the others the messages are the texts to work on.
enum class TaskKind : std::uint8_t { kChat, kCountTokens, kEmbed, kRerank };

// What only one protocol's reader and writer know of a request.
struct RequestExtra {
  virtual ~RequestExtra() = default;
};

struct ChatRequest {
  TaskKind task = TaskKind::kChat;
  bool begins_job = false;  // nothing is generated yet, so nothing can break off
  std::string model;
  std::vector<Message> messages;
  std::vector<Tool> tools;
  ToolChoice tool_choice = ToolChoice::kAuto;
  std::string tool_name;  // for kNamed
  bool parallel_tool_calls = true;
  AnswerFormat format = AnswerFormat::kText;
  std::string schema;  // for kJsonSchema
  bool stream = false;
  bool stream_usage = false;
  std::optional<std::int64_t> output_tokens_max;
  std::vector<std::string> stop;
  std::int64_t choices = 1;
  bool logprobs = false;
  std::int64_t top_logprobs = 0;
  std::int64_t seed = 0;
  std::int64_t extra_prompt_tokens = 0;  // tools and schemas
  std::int64_t reasoning_tokens = 0;     // to think before the answer
  bool caches_on_request = false;        // only where there are marks, else every prefix
  bool tools_cache_mark = false;
  bool cache_for_an_hour = false;
  std::string_view tool_call_prefix = "call_";         // of ids
  std::size_t tool_call_id_bytes = 0;                  // 0 = the prefix and what follows it
  std::string_view output_limit_field = "max_tokens";  // where the protocol has the limit
  std::shared_ptr<const RequestExtra> extra;

  std::int64_t PromptTokens() const;
};

// How the emulator counts a prompt: kTokensPerPrompt, and for each message kTokensPerMessage and a
// token for each four bytes begun; tools and schemas count a token for each four bytes of their
// JSON, an image kTokensPerImage.
inline constexpr std::int64_t kTokensPerPrompt = 3;
inline constexpr std::int64_t kTokensPerMessage = 4;
inline constexpr std::int64_t kTokensPerImage = 85;
inline constexpr std::size_t kBytesPerToken = 4;
// How long a model thinks when a request asks for it and nothing says how long.
inline constexpr std::int64_t kReasoningTokens = 24;
constexpr std::int64_t TokensOfBytes(std::size_t bytes) {
  return static_cast<std::int64_t>((bytes + kBytesPerToken - 1) / kBytesPerToken);
}

// One token of an answer.
enum class TokenKind : std::uint8_t { kReasoning, kText, kRefusal, kToolName, kToolArguments };
struct Token {
  TokenKind kind = TokenKind::kText;
  std::uint32_t tool_call = 0;  // index in the choice
  std::string text;             // whole UTF-8 characters
};

enum class Finish : std::uint8_t { kStop, kLength, kToolCalls };

struct Choice {
  std::vector<Token> tokens;
  std::vector<std::string> tool_call_ids;
  Finish finish = Finish::kStop;
  std::string stop_sequence;  // that ended it, or empty
};

struct Usage {
  std::int64_t prompt = 0, cached = 0, completion = 0, reasoning = 0;
  std::int64_t cache_written = 0;  // of the prompt, beside `cached`
};

struct Answer {
  std::string id;  // without a protocol's prefix
  std::string model;
  std::int64_t created_s = 0;  // since 1970
  std::vector<Choice> choices;
  Usage usage;
};

}  // namespace tidegate::emulator
