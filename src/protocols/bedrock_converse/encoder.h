// Making this protocol's answers from events; see ResponseEncoder.
//
// Blocks are opened, filled and closed one after the other, as with Anthropic. States of other
// providers travel as the signature of a thought, which clients hand back as it came.
#pragma once

#include <memory>

#include "protocols/protocol.h"

namespace tidegate::protocols::bedrock_converse {

// What the encoder takes from its request is copied: the request need not outlive it.
struct EncoderOptions {
  RequestId id;
  bool shows_thoughts = true;  // else thoughts carry what vouches for them, and no text
};

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options);
std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options);

}  // namespace tidegate::protocols::bedrock_converse
