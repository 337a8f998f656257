// A chat request as a value, whatever protocol it arrived in.
//
// Wire text becomes a Request in one place (protocols/) and nothing behind it looks at JSON again.
// Texts are owned by `arena` and viewed by the parts; tool arguments and schemas stay raw JSON
// text, byte for byte. The original body is kept for the same-protocol path, with the spans that
// may have to change.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/capability.h"
#include "core/constraints.h"

namespace tidegate::core {

enum class Protocol : std::uint8_t { kOpenAiChat };
std::string_view ToString(Protocol protocol);  // "openai_chat"

enum class Role : std::uint8_t { kSystem, kDeveloper, kUser, kAssistant, kTool };

enum class PartKind : std::uint8_t {
  kText,
  kRefusal,
  kImageUrl,   // `text` = https: or data: URL
  kAudio,      // `text` = base64, `format` = "wav", …
  kFile,       // `text` = base64 data URL or file id
  kReasoning,  // text the model thought
};

struct Part {
  PartKind kind = PartKind::kText;
  std::string_view text;
  std::string_view format;  // audio format; image detail; file name
};

struct ToolCall {
  std::string_view id;
  std::string_view name;
  std::string_view arguments;  // raw text as the model wrote it; JSON only if the model was good
};

struct Message {
  Role role = Role::kUser;
  std::vector<Part> parts;
  std::vector<ToolCall> tool_calls;  // assistant
  std::string_view tool_call_id;     // tool
  std::string_view name;
};

struct ToolSpec {
  std::string_view name;
  std::string_view description;
  std::string_view parameters;  // raw JSON Schema, or empty
  std::optional<bool> strict;
};

enum class ToolChoiceKind : std::uint8_t { kUnset, kAuto, kNone, kRequired, kNamed };

enum class ResponseFormat : std::uint8_t { kUnset, kText, kJsonObject, kJsonSchema };

// Half-open range of bytes in the original body; {0, 0} = absent.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool empty() const { return begin == end; }
};

// Where in `body` the fields stand that the gate may have to replace; each span covers the value
// only, unless it says otherwise.
struct BodySpans {
  std::uint32_t object_begin = 0;  // offset just behind the opening brace
  Span model, stream, stream_options;
  Span include_usage;               // inside stream_options
  Span max_tokens_key, max_tokens;  // the key with its quotes; the value
  Span max_completion_tokens_key, max_completion_tokens;
  Span tidegate_member;  // whole member with the comma that must go with it
  Span provider_member;  // OpenRouter's object, likewise, when we consumed it as an alias
};

struct Request {
  Protocol protocol = Protocol::kOpenAiChat;
  std::string_view body;  // the original bytes; the caller keeps them alive as long as the Request
  BodySpans spans;
  std::list<std::string> arena;  // owns what the views below view, where `body` cannot

  std::string model;
  std::vector<Message> messages;
  std::vector<ToolSpec> tools;
  ToolChoiceKind tool_choice = ToolChoiceKind::kUnset;
  std::string_view tool_choice_name;
  std::optional<bool> parallel_tool_calls;
  ResponseFormat response_format = ResponseFormat::kUnset;
  std::string_view json_schema;  // raw, the whole json_schema object
  std::optional<double> temperature, top_p, presence_penalty, frequency_penalty;
  std::optional<std::int64_t> max_output_tokens, seed, top_logprobs;
  std::vector<std::string_view> stop;
  std::string_view logit_bias;  // raw, the whole object
  std::string_view reasoning_effort;
  std::string_view user;
  std::int64_t choices = 1;
  bool logprobs = false;
  bool stream = false;
  bool stream_usage = false;  // the caller asked for usage in the stream

  CapabilitySet needs;      // what the parameters and parts demand of a target
  Constraints constraints;  // from the body's "tidegate" object and its aliases
  std::int64_t text_bytes =
      0;  // bytes of text in messages and tools, an upper bound of their tokens
  std::int64_t media_parts = 0;
};

}  // namespace tidegate::core
