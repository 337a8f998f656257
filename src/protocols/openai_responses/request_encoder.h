// A core::Request becomes the body for an upstream; see Protocol::EncodeRequest.
#pragma once

#include <string>

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::openai_responses {

// A request that came in this protocol keeps its bytes. Changed are only: the model's name; the
// gate's own member, which goes; `store`, which is always false; thoughts that no upstream of this
// protocol made, which go; and the output limit and `stream`, where the options set them.
Result<UpstreamRequest> EncodeResponsesRequest(const core::Request& request,
                                               const UpstreamOptions& options);

// The whole body from the values alone.
Result<std::string> WriteResponsesRequest(const core::Request& request,
                                          const UpstreamOptions& options, bool stream);

}  // namespace tidegate::protocols::openai_responses
