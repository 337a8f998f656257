// What can go wrong with a provider, and the quirks by which providers differ, as one list of
// words.
//
// The same words are used in the configuration, in the admin call and in the header `x-emulate` of
// one request: "cut_after=5,rst". So there is one table and one parser, in faults.cc; README.md
// explains each word.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::emulator {

enum class UsagePolicy : std::uint8_t { kAsked, kAlways, kNever };

// Every member is unset by default, which means the normal behaviour. A value.
struct Faults {
  // Instead of an answer.
  std::optional<double> error_rate;    // share of the requests that fail with `status`; 0 … 1
  std::optional<std::int64_t> status;  // without error_rate: always
  std::optional<std::int64_t> retry_after_s;  // field of such an error
  std::optional<bool> drop;                   // the connection ends without a byte
  std::optional<bool> drop_after_head;        // the connection ends behind the answer's head
  // While answering.
  std::optional<std::int64_t> slow_head_ms;  // before the answer's head
  std::optional<std::int64_t> cut_after;     // tokens; then the connection ends
  std::optional<std::int64_t> stall_after;   // tokens; then nothing more comes
  std::optional<std::int64_t> error_after;   // tokens; then an error event in the stream
  std::optional<bool> malformed_json;
  std::optional<bool> no_done;  // a stream without its [DONE]
  // On the wire; these need the wire (wire.h).
  std::optional<bool> rst;                     // connections end by RST instead of FIN
  std::optional<bool> byte_by_byte;            // each byte in a write of its own
  std::optional<std::int64_t> content_length;  // added to the true Content-Length
  std::optional<bool> truncated_chunk;         // the last chunk promises more than comes
  // Usage.
  std::optional<bool> no_usage;
  std::optional<bool> negative_usage;
  std::optional<bool> huge_usage;
  // Quirks.
  std::optional<UsagePolicy> usage;       // in streams: asked, always, never
  std::optional<bool> whole_tool_calls;   // a tool call comes in one last delta, not in pieces
  std::optional<std::int64_t> reasoning;  // tokens of reasoning_content before the answer
  std::optional<bool> redacted_thinking;  // reasoning that only its maker can read
  std::optional<bool> refusal;
  // Speed and size of this answer, instead of the model's.
  std::optional<std::int64_t> ttft_ms;
  std::optional<std::int64_t> tokens_per_s;  // 0 = unlimited
  std::optional<std::int64_t> tokens;        // length of a text answer

  // What `over` sets replaces what is set here.
  void Merge(const Faults& over);
  // Whether anything is asked for that only the wire can do.
  bool NeedsWire() const;
};

inline constexpr std::size_t kFaultTextBytesMax = 1024;

// Parses "word,word=value,…"; spaces around words are ignored; empty text = no faults. Errors:
// kInvalidArgument, naming the word.
Result<Faults> ParseFaults(std::string_view text);

}  // namespace tidegate::emulator
