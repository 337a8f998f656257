// Making this protocol's answers from events; see ResponseEncoder.
//
// Content is blocks of text and of thoughts, opened, filled and closed one after the other; tool
// calls likewise, with numbers of their own. States of providers have no place here: what they
// vouch for is shown, and when it comes back without them, their maker gets none of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocols/protocol.h"

namespace tidegate::protocols::cohere_chat {

// What the encoder takes from its request is copied: the request need not outlive it.
struct EncoderOptions {
  RequestId id;
  std::vector<std::string> documents = {};  // the names of the request's documents, in their order
};

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options);
std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options);

}  // namespace tidegate::protocols::cohere_chat
