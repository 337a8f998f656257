// Log-probabilities of tokens, as this protocol tells them: arrays side by side, one element for
// each token.
#pragma once

#include <string_view>

#include "base/result.h"
#include "json/value.h"
#include "json/writer.h"

namespace tidegate::protocols::openai_completions {

// What a LogprobsEvent holds: the entries of {"content": […]} without the brackets, or the object
// of arrays as it stands. Empty where there are none. Errors: kProtocol.
Result<std::string_view> ReadLogprobs(const json::Value& logprobs);

// Writes the object of arrays. `entries`: what events held, with commas between them. `text_offset`
// is where the first token begins in the answer's text, in characters, and then where the next
// would.
void WriteLogprobs(json::Writer& out, std::string_view entries, std::int64_t& text_offset);

}  // namespace tidegate::protocols::openai_completions
