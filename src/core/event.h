// An answer as a stream of events, whether or not the client asked for streaming: one path, not
// two.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/result.h"
#include "core/part.h"
#include "core/usage.h"

namespace tidegate::core {

enum class FinishReason : std::uint8_t {
  kStop,
  kStopSequence,  // one of the caller's stop strings came
  kLength,        // the output limit, or the end of the context
  kToolCalls,
  kContentFilter,  // the provider withheld it
  kRefusal,        // the model refused
  kOther,
};

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
// A kSignature ends the reasoning that came before it (there may have been no text); a kRedacted is
// a piece of reasoning of its own; a kOfPart belongs to the part that the next event begins.
struct StateEvent {
  std::int64_t choice = 0;
  OpaqueState state;
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
// What the answer rests on. Where the text of it ends is where the event stands.
struct CitationEvent {
  std::int64_t choice = 0;
  std::int64_t begin = -1, end = -1;      // of the answer's text, in bytes; -1 = not said
  std::string_view url = {}, title = {};  // of the source
  std::string_view cited_text = {};       // of the source
  std::string_view document = {};         // the provider's name for the source
};
struct LogprobsEvent {
  std::int64_t choice = 0;
  std::string_view content;  // raw JSON array of token entries, without the brackets
  bool refusal = false;      // of the refusal's text, not of the answer's
};
struct FinishEvent {
  std::int64_t choice = 0;
  FinishReason reason = FinishReason::kStop;
  std::string_view stop_sequence = {};  // which, with kStopSequence, where the provider says
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

using Event =
    std::variant<StartEvent, TextEvent, ReasoningEvent, StateEvent, RefusalEvent, ToolCallEvent,
                 CitationEvent, LogprobsEvent, FinishEvent, UsageEvent, ErrorEvent, DoneEvent>;

}  // namespace tidegate::core
