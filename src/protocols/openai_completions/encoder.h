// Making this protocol's answers from events; see ResponseEncoder, and openai_chat/encoder.h for
// what both have in common: usage comes once and only if it was asked for, an answer that failed
// never says [DONE].
//
// An answer here is a text. Thoughts and citations of a chat model have no place in it and are left
// out (docs/protocols.md); a refusal is the text.
#pragma once

#include <memory>
#include <string>

#include "protocols/protocol.h"

namespace tidegate::protocols::openai_completions {

// What the encoder takes from its request is copied: the request need not outlive it.
struct EncoderOptions {
  RequestId id;
  std::int64_t created_s = 0;
  std::string model;           // until the StartEvent names the one that answers
  bool include_usage = false;  // stream_options.include_usage
};

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options);
std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options);

}  // namespace tidegate::protocols::openai_completions
