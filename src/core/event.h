// An answer as a stream of events, whether or not the client asked for streaming: one path, not
// two.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/result.h"
#include "core/usage.h"

namespace tidegate::core {

enum class FinishReason : std::uint8_t { kStop, kLength, kToolCalls, kContentFilter, kOther };

// Views in events live until the decoder is fed again.
struct StartEvent {
  std::string_view id, model;
  std::int64_t created_s = 0;
  std::string_view system_fingerprint;
};
struct TextEvent {
  std::int64_t choice = 0;
  std::string_view text;
};
struct ReasoningEvent {
  std::int64_t choice = 0;
  std::string_view text;
};
struct RefusalEvent {
  std::int64_t choice = 0;
  std::string_view text;
};
// The first event of a call carries id and name; later ones only arguments.
struct ToolCallEvent {
  std::int64_t choice = 0;
  std::int64_t index = 0;
  std::string_view id, name, arguments;
};
struct LogprobsEvent {
  std::int64_t choice = 0;
  std::string_view content;  // raw JSON array of token entries, without the brackets
  bool refusal = false;      // of the refusal's text, not of the answer's
};
struct FinishEvent {
  std::int64_t choice = 0;
  FinishReason reason = FinishReason::kStop;
};
struct UsageEvent {
  Usage usage;
};
// The upstream reported an error inside its answer.
struct ErrorEvent {
  explicit ErrorEvent(Error error_in) : box(std::move(error_in)) {}
  const Error& error() const { return *box; }
  ErrorBox box;  // errors are rare, and all events are as large as the largest
};
// The protocol's own end marker was seen: the answer is complete.
struct DoneEvent {};

using Event = std::variant<StartEvent, TextEvent, ReasoningEvent, RefusalEvent, ToolCallEvent,
                           LogprobsEvent, FinishEvent, UsageEvent, ErrorEvent, DoneEvent>;

}  // namespace tidegate::core
