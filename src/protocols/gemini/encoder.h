// Making this protocol's answers from events; see ResponseEncoder.
//
// A part is whole when it is sent: text goes out at once, piece by piece, and a function call when
// its arguments are complete. Clients send back what they got as it came, so states of other
// providers travel as thought signatures.
#pragma once

#include <memory>
#include <string>

#include "protocols/gemini/path.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::gemini {

// What the encoder takes from its request is copied: the request need not outlive it.
struct EncoderOptions {
  RequestId id;
  std::string model;           // until the StartEvent names the one that answers
  bool shows_thoughts = true;  // else thoughts carry what vouches for them, and no text
  Form form = kEvents;         // of a stream
};

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options);
std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options);

}  // namespace tidegate::protocols::gemini
