// Thoughts and what vouches for them, as servers of this protocol have come to write them beside
// the API description: OpenRouter's `reasoning_details` and Google's `extra_content`.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "core/request.h"
#include "json/value.h"
#include "json/writer.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::openai_chat {

// A message's `reasoning_details`, appended to its parts. Errors: kInvalidArgument with the path.
Result<void> DecodeReasoningDetails(const json::Value& details, RequestTexts& texts,
                                    core::Message& message);
// {"google": {"thought_signature": …}} of a tool call.
Result<void> DecodeExtraContent(const json::Value& extra, RequestTexts& texts, core::Part& call);

// Those of an answer, as events. `with_text`: the text did not come in another field as well.
// Shapes that are not known are passed over: they are beyond the protocol.
void ReadReasoningDetails(const json::Value& details, std::int64_t choice, bool with_text,
                          std::vector<core::Event>& out);
// Likewise, of a tool call of an answer.
void ReadExtraContent(const json::Value& extra, std::int64_t choice, std::vector<core::Event>& out);

// One entry of `reasoning_details`, for text, a state, or a text with its state.
void WriteReasoningDetail(json::Writer& out, std::string_view text, const core::OpaqueState& state);
// The value of `extra_content`. REQUIRES: a state of Gemini's.
void WriteExtraContent(json::Writer& out, const core::OpaqueState& state);

}  // namespace tidegate::protocols::openai_chat
