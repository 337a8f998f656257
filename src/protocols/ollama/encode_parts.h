// The pieces that a stream's lines and a whole answer have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "core/event.h"
#include "json/writer.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::ollama {

std::string_view DoneReason(core::FinishReason reason);  // "stop" or "length"

// {"id", "function": {"index", "name", "arguments"}}. Text that is no JSON object stands in a
// member "raw_arguments", where the client can see it.
struct Call {
  std::string id, name, arguments;
};
void WriteCall(json::Writer& out, const RequestId& id, std::int64_t index, const Call& call);

// What the times of events say about an answer.
struct Timing {
  AnswerTimes now;
  std::optional<std::int64_t> first_nanos;  // until the first content
  void Content() {
    if (!first_nanos) first_nanos = now.taken_nanos;
  }
};
// done_reason, the durations and, where they are known, the counts.
void WriteEnd(json::Writer& out, core::FinishReason reason, const Timing& timing,
              const std::optional<core::Usage>& usage);

// `json` without line ends, which mean nothing in it and would end a line of a stream.
std::string OneLine(std::string_view json);
// As in RFC 3339, in UTC.
std::string TimeText(std::int64_t seconds);

}  // namespace tidegate::protocols::ollama
