// Carrying one provider's secret state through another protocol's field for such state.
//
// Anthropic's signatures, OpenAI's encrypted reasoning and Gemini's thought signatures mean
// something to their maker only, and a conversation that comes back without them, or with half of
// them, is refused or made dumber. A client that speaks another protocol than the provider hands
// them back all the same if they stand in that protocol's own field for opaque state. There they
// are wrapped, so that it can be told whose they are when they come back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/part.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols {

// What to write into a field whose own states are `origin`'s, of kind `kind`: the bytes themselves
// when they are that, else an envelope, in base64.
std::string WrapState(const core::OpaqueState& state, core::StateOrigin origin,
                      core::StateKind kind);

// Whether such a text is an envelope, by how it begins.
bool IsEnvelope(std::string_view text);

// What stands in such a field. Nothing when it is an envelope that is damaged. The views are those
// of `text`, or of texts that the request keeps.
std::optional<core::OpaqueState> UnwrapState(std::string_view text, core::StateOrigin origin,
                                             core::StateKind kind, RequestTexts& texts);

// A state of its part that came in a piece of reasoning (since the client's protocol has no place
// for it in the part) moves to the part behind that, and the carrier goes.
void PutStatesInTheirParts(std::vector<core::Part>& parts);

}  // namespace tidegate::protocols
