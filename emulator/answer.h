// What the emulator says: a pure function of the model, the request and its seed.
//
// Every answer states that it is emulated, in its text wherever the format leaves room for one. The
// sentences are made here from a small vocabulary; JSON answers and tool arguments are made from
// their schema (schema_sample.h).
#pragma once

#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/model.h"

namespace tidegate::emulator {

// The reason of the error for a prompt that is too long.
inline constexpr std::string_view kContextLengthExceeded = "context_length_exceeded";

// "[emulated gpt-4o]".
std::string EmulatedLabel(std::string_view model);

// The answer without id, time and cached tokens. `faults`: those that hold for this request.
// Errors: kInvalidArgument (reason "context_length_exceeded" for a prompt too long; a schema or
// tool that cannot be served).
Result<Answer> MakeAnswer(const ChatRequest& request, const Model& model, const Faults& faults);

}  // namespace tidegate::emulator
