// A chat request as a value, whatever protocol it arrived in.
//
// It is the union of what the protocols can say: each of them decodes into it without loss and
// encodes from it what it can say, refusing what it cannot. Wire text becomes a Request in one
// place (protocols/) and nothing behind it looks at JSON again. Texts are owned by `arena` and
// viewed by the parts; tool arguments and schemas stay raw JSON text, byte for byte. The original
// body is kept for the same-protocol path, with the spans that may have to change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/envelope.h"
#include "core/part.h"

namespace tidegate::core {

enum class Role : std::uint8_t { kSystem, kDeveloper, kUser, kAssistant, kTool };

// Whatever a protocol keeps beside its messages (a "system" field, say) is a message here.
struct Message {
  Role role = Role::kUser;
  std::vector<Part> parts;
  std::string_view name;
};

struct ToolSpec {
  std::string_view name;
  std::string_view description;
  std::string_view parameters;  // raw JSON Schema, or empty
  std::optional<bool> strict;
  CacheMark cache = CacheMark::kNone;
  // To its caller it takes a text and no arguments. Here it is a function of one argument,
  // {"input": text}, and so are the calls of it.
  bool text_input = false;
  // The caller's own name for the group of tools it stands in; `name` is then "group__tool".
  std::string_view group = {};
};

enum class ToolChoiceKind : std::uint8_t { kUnset, kAuto, kNone, kRequired, kNamed };

enum class ResponseFormat : std::uint8_t { kUnset, kText, kJsonObject, kJsonSchema };

struct JsonSchema {
  std::string_view name;         // may be empty
  std::string_view description;  // may be empty
  std::string_view schema;       // raw JSON Schema, or empty
  std::optional<bool> strict;
};

// How much the model may think, in whichever of the ways the caller said it.
struct Reasoning {
  enum class Mode : std::uint8_t { kUnset, kOff, kOn };
  Mode mode = Mode::kUnset;
  std::string_view effort;                    // "minimal", "low", "medium", "high", …, or empty
  std::optional<std::int64_t> budget_tokens;  // at most; the model decides when absent
  std::optional<bool> visible;                // whether the thoughts are to be shown
};

// What a request without content asks for, where its protocol knows such requests.
enum class Readying : std::uint8_t {
  kNone,    // it has content, as every other
  kLoad,    // "load the model, so that the next request need not wait"
  kUnload,  // "the model is not needed any more"
};

struct Request : Envelope {
  std::vector<Message> messages;
  std::vector<ToolSpec> tools;
  ToolChoiceKind tool_choice = ToolChoiceKind::kUnset;
  std::string_view tool_choice_name;
  std::optional<bool> parallel_tool_calls;
  ResponseFormat response_format = ResponseFormat::kUnset;
  JsonSchema json_schema;
  Reasoning reasoning;
  std::optional<double> temperature, top_p, presence_penalty, frequency_penalty;
  std::optional<double> min_p, typical_p, repeat_penalty;  // see Capability::kLlamaSampling
  std::optional<std::int64_t> repeat_last_n;
  std::optional<std::int64_t> max_output_tokens, seed, top_k, top_logprobs;
  std::vector<std::string_view> stop;
  std::string_view logit_bias;  // raw, the whole object
  std::string_view user;
  std::int64_t choices = 1;
  bool logprobs = false;
  bool stream = false;
  bool stream_usage = false;  // the caller asked for usage in the stream
  Readying readying = Readying::kNone;
  // The one message is a text to be continued as it stands. Whoever only chats takes it for a
  // message, unless the request needs Capability::kRawPrompt.
  bool raw = false;
  // Go's template, as Ollama's are, by which the messages are written as one text, in the place of
  // the model's own; empty = that one. Needs Capability::kRawPrompt.
  std::string_view prompt_template;
  std::string_view suffix;  // what follows the text to be written; see Capability::kInsert
  // The oldest messages may be left out where the conversation does not fit (shorten.h).
  bool may_shorten = false;
  // Of the window that a model has to have for it, at least; 0 = nobody asks.
  std::int64_t window_tokens = 0;

  // The body holds fields that a target which does not know them must not get, and can do without:
  // cache marks, other providers' thoughts.
  bool has_optional_fields = false;
  // Kinds of tools that the vendor runs and that the caller only offers: a target of another
  // protocol answers without them.
  std::vector<std::string_view> offers;

  // --- Conversations that the gate keeps ---
  std::string_view previous_id;  // of the answer that this request continues; empty = none
  bool keep = false;             // the answer may be continued, read and deleted later
  // Names of items of kept answers that stand in the body instead of the items.
  std::vector<std::string_view> references;
  std::string_view echo;  // what the protocol's answers repeat of the request: JSON members
};

}  // namespace tidegate::core
