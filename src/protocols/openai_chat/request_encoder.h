// A core::Request becomes the body for an upstream; see Protocol::EncodeRequest.
#pragma once

#include <string>

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::openai_chat {

// A request that came in this protocol keeps its bytes. Changed are only: the model's name; the
// gate's own members, which go; the output limit, its value when the options set one and its name
// when the upstream knows it by the other; and for streaming, `stream` and
// stream_options.include_usage where the options ask for what the caller did not. A request of
// another protocol, or without a body, is written from its values.
Result<UpstreamRequest> EncodeChatRequest(const core::Request& request,
                                          const UpstreamOptions& options);

// All but the body, and whether the body is to ask for usage in the stream.
UpstreamRequest BeginRequest(const core::Request& request, const UpstreamOptions& options,
                             std::string path);
bool AsksUsage(const UpstreamRequest& upstream, const UpstreamOptions& options);

// The bytes of a request for an upstream that speaks its protocol, with those changes.
Result<UpstreamRequest> PassBody(const core::Request& request, const UpstreamOptions& options,
                                 std::string path);

// The whole body from the values alone. `streaming` and `usage`: what to write for `stream` and
// include_usage.
struct WriteOptions {
  bool streaming = false;
  bool usage = false;
};
Result<std::string> WriteChatRequest(const core::Request& request, const UpstreamOptions& options,
                                     WriteOptions write);

}  // namespace tidegate::protocols::openai_chat
