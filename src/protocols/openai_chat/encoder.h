// Making this protocol's answers from events; see ResponseEncoder.
//
// The stream encoder writes each event as chunks right away. Usage is written once, before the end,
// and only when the caller asked for it. Log-probabilities wait for the text they belong to. After
// an ErrorEvent it writes the error and then nothing more: a stream that failed never says [DONE].
// The whole encoder writes one completion object at the DoneEvent, and nothing at all after an
// ErrorEvent: the caller answers with EncodeError and its status.
#pragma once

#include <memory>
#include <string>

#include "protocols/protocol.h"

namespace tidegate::protocols::openai_chat {

// What the encoder takes from its request is copied: the request need not outlive it.
struct EncoderOptions {
  RequestId id;
  std::int64_t created_s = 0;
  std::string model;           // until the StartEvent names the one that answers
  bool include_usage = false;  // stream_options.include_usage
};

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options);
std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options);

}  // namespace tidegate::protocols::openai_chat
