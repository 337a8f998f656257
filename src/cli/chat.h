// One conversation in Ollama's protocol, which the gate and every Ollama speak: the request as
// JSON, and what each line of its answer says.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::cli {

class JsonFields;

inline constexpr const char* kChatPath = "/api/chat";

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
  std::vector<std::string> images = {};  // base64
};

// What the caller wants of the gate beyond the answer; empty members say nothing.
struct ChatWishes {
  std::string privacy, prefer;
  std::vector<std::string> place;
  std::string max_cost_usd;  // a decimal number, checked
  std::int64_t deadline_ms = 0;
  bool dry_run = false;
  bool any() const;
};

// The members whose names end in `_json` are JSON, or empty where nothing is to be said.
struct ChatRequest {
  std::string model;
  std::vector<ChatMessage> messages;
  std::map<std::string, std::string> options_json = {};  // by name
  std::string format_json = {}, think_json = {}, keep_alive_json = {};
  ChatWishes wishes = {};
};
std::string ChatBody(const ChatRequest& request);
// As members of the array that the writer is in, of the object that it is in.
void WriteMessages(json::Writer& writer, const std::vector<ChatMessage>& messages);
void WriteOptions(json::Writer& writer, const std::map<std::string, std::string>& options_json);

// What the last line says; 0 = it does not.
struct ChatMetrics {
  std::int64_t total_ns = 0, load_ns = 0, prompt_ns = 0, answer_ns = 0;
  std::int64_t prompt_tokens = 0, answer_tokens = 0;
  bool counted = false;  // it said how many tokens
};

// What one line of the answer adds.
struct ChatDelta {
  std::string text, thinking;
  std::vector<std::string> calls;  // names of functions that the model wants called
  std::string model;               // that answers
  bool done = false;               // the last line
  ChatMetrics metrics;             // of the last line
};

// Errors: what the gate reports inside the stream; kProtocol for what is no line of a chat.
Result<ChatDelta> ReadChatLine(json::Reader& reader, std::string_view line);

// The error in a line {"error":"text","code"?}: `otherwise` when it has no code that we know.
// Nothing when the line is none.
std::optional<Error> ErrorOfLine(JsonFields& line, ErrorCode otherwise);

}  // namespace tidegate::cli
