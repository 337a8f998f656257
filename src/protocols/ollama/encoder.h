// Making this protocol's answers from events; see ResponseEncoder.
//
// Arguments of tool calls are objects here, so a call is written when its object is complete.
// States that vouch for thoughts, and citations, have no place in this protocol: they are left out
// as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "protocols/ollama/generate_context.h"
#include "protocols/ollama/request_decoder.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::ollama {

// What the encoder takes from its request is copied: the request need not outlive it.
struct EncoderOptions {
  RequestId id;
  std::int64_t created_s = 0;
  std::string model;  // until the StartEvent names the one that answers
  Form form = kChatForm;
  std::optional<GenerateContext> context =
      {};  // what was said before this answer, where it is told
};

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options);
std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options);

}  // namespace tidegate::protocols::ollama
