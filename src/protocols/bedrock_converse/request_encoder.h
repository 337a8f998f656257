// A core::Request becomes the body for an upstream; see Protocol::EncodeRequest.
#pragma once

#include <string>

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::bedrock_converse {

// A request that came in this protocol keeps its bytes. Changed are only: the gate's own member,
// which goes, and the output limit, where the options set one. The model and whether the answer is
// streamed stand in the path. A request that is only to be counted came wrapped, and leaves so.
Result<UpstreamRequest> EncodeConverseRequest(const core::Request& request,
                                              const UpstreamOptions& options);

// The whole body from the values alone (request_writer.cc). To be counted: without what only the
// answer depends on, which that API has no members for.
Result<std::string> WriteConverseRequest(const core::Request& request,
                                         const UpstreamOptions& options);

}  // namespace tidegate::protocols::bedrock_converse
