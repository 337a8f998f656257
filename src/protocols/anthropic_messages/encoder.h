// Making this protocol's answers from events; see ResponseEncoder.
//
// Clients check the order: a block is opened, filled and closed before the next one. So the stream
// encoder opens and closes blocks as the kind of content changes. States of other providers travel
// as the signature of a thought, which clients hand back as it came.
#pragma once

#include <memory>
#include <string>

#include "protocols/protocol.h"

namespace tidegate::protocols::anthropic_messages {

// What the encoder takes from its request is copied: the request need not outlive it.
struct EncoderOptions {
  RequestId id;
  std::string model;           // until the StartEvent names the one that answers
  bool shows_thoughts = true;  // else thinking blocks carry what vouches for them, and no text
};

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options);
std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options);

}  // namespace tidegate::protocols::anthropic_messages
