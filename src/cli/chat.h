// One conversation in the gate's OpenAI protocol: the request as JSON, and what its stream says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/reader.h"

namespace tidegate::cli {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

// What the caller wants of the gate beyond the answer; empty members say nothing.
struct ChatWishes {
  std::string privacy, prefer;
  std::vector<std::string> place;
  std::string max_cost_usd;  // a decimal number, checked
  std::int64_t deadline_ms = 0;
  bool dry_run = false;
};

std::string ChatBody(const std::string& model, const std::vector<ChatMessage>& messages,
                     const ChatWishes& wishes);

// What one event of the stream adds.
struct ChatDelta {
  std::string text, reasoning;
  std::string model;  // that answers
  bool has_usage = false;
  std::int64_t input_tokens = 0, output_tokens = 0;
  bool finished = false;  // the model ended the answer
  bool done = false;      // the stream's end mark
};

// `data` is of one event. Errors: what the gate reports inside the stream; kProtocol for what is no
// chunk of a chat.
Result<ChatDelta> ReadChatEvent(json::Reader& reader, std::string_view data);

}  // namespace tidegate::cli
