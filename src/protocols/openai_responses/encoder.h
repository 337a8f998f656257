// Making this protocol's answers from events; see ResponseEncoder.
//
// An answer is a list of items: thoughts, messages, calls. Each is opened, filled and closed before
// the next, with events for all of it in a stream, numbered from 0. The end repeats the whole
// response. States of other providers travel as the encrypted content of a thought, which clients
// hand back as it came.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::openai_responses {

// A tool that its caller knows under another name or in another form than the target did.
struct CallersTool {
  std::string group, name;
  bool text_input = false;
};

// What the encoder takes from its request is copied: the request need not outlive it.
struct EncoderOptions {
  RequestId id;
  std::int64_t created_s = 0;
  std::string model = {};        // until the StartEvent names the one that answers
  std::string previous_id = {};  // of the response that is continued, or empty
  std::string echo = {};         // what the answer repeats of the request: members
  bool stream = false;
  bool summary = false;  // thoughts are shown as a summary, which the caller asked for
  std::unordered_map<std::string, CallersTool> tools = {};  // by the name the target knows
};

EncoderOptions OptionsFor(const core::Request& request, const RequestId& id,
                          std::int64_t created_s);
std::unique_ptr<ResponseEncoder> NewResponsesEncoder(EncoderOptions options);

// The word for an error in a response, as "rate_limit_exceeded".
std::string_view FailureCode(const Error& error);
// The event that ends a stream of which nobody knows how far it came.
std::string EncodeErrorEvent(const Error& error, std::int64_t sequence_number);

}  // namespace tidegate::protocols::openai_responses
