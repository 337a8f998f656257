// A core::Request becomes the body for an upstream; see Protocol::EncodeRequest.
#pragma once

#include <string>

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::cohere_chat {

// A request that came in this protocol keeps its bytes. Changed are only: the model's name; the
// gate's own member, which goes; the output limit and `stream`, where the options set them.
Result<UpstreamRequest> EncodeChatRequest(const core::Request& request,
                                          const UpstreamOptions& options);

// The whole body from the values alone.
Result<std::string> WriteChatRequest(const core::Request& request, const UpstreamOptions& options,
                                     bool stream);

}  // namespace tidegate::protocols::cohere_chat
