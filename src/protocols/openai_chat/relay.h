// Passing answers of this protocol through unchanged, while watching what they say.
#pragma once

#include <memory>
#include <string_view>

#include "protocols/protocol.h"

namespace tidegate::protocols::openai_chat {

// See StreamRelay. Every frame is read and checked before it is released, so what the relay reports
// is what the decoder would have. Withheld are: a usage frame the caller did not ask for; an error,
// which the caller gets in our words (EncodeStreamError) or not at all, when another target can
// still answer; and data behind [DONE] or behind an error. A frame that is malformed is kProtocol.
// Finish must only be called where the body ended as its framing says.
std::unique_ptr<StreamRelay> NewRelay(bool hide_usage);

// See Protocol::InspectWhole.
Result<RelayState> InspectWholeAnswer(std::string_view body);

}  // namespace tidegate::protocols::openai_chat
