// Decoders of this protocol's answers; see ResponseDecoder.
#pragma once

#include <memory>

#include "protocols/protocol.h"

namespace tidegate::protocols::openai_chat {

// A stream that ends without [DONE] is complete when every choice gave its reason for finishing:
// there are servers that never send [DONE]. So Finish must only be called where the body ended as
// its framing says, and not for a connection that broke.
std::unique_ptr<ResponseDecoder> NewStreamDecoder();
// Collects up to kWholeAnswerBytesMax; all events come with Finish.
std::unique_ptr<ResponseDecoder> NewWholeDecoder();

}  // namespace tidegate::protocols::openai_chat
