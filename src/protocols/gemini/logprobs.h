// Log-probabilities: two lists of steps in this protocol, one list of OpenAI's entries in events.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"
#include "json/writer.h"

namespace tidegate::protocols::gemini {

// The entries of a `logprobsResult`, with commas between them; empty when it holds none.
std::string ReadLogprobs(const json::Value& result);

// The value of `logprobsResult` for such entries. REQUIRES: no ScratchReader is alive on this
// thread.
void WriteLogprobs(json::Writer& out, std::string_view entries);

}  // namespace tidegate::protocols::gemini
