// Thought signatures: Google's secret states, and the place where those of other providers travel
// through a Gemini client.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/part.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::gemini {

// Google's documented stand-in for the signature of a call that no Gemini model made. Without any,
// a conversation with such a call is refused.
inline constexpr std::string_view kNobodysSignature = "skip_thought_signature_validator";

// What to write into a `thoughtSignature` for a client: Google's as it came, others in an envelope.
std::string SignatureFor(const core::OpaqueState& state);

// What a client sent there, on a thought or on another part; an empty state for a stand-in. Nothing
// when it is an envelope that is damaged.
std::optional<core::OpaqueState> ReadSignature(std::string_view text, bool of_thought,
                                               RequestTexts& texts);

}  // namespace tidegate::protocols::gemini
