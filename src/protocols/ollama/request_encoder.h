// A core::Request becomes the body for an upstream; see Protocol::EncodeRequest.
#pragma once

#include <string>

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::ollama {

// A request that came in this protocol keeps its bytes and its path. Changed are only: the model's
// name; the gate's own member, which goes; the output limit and `stream`, where the options set
// them.
Result<UpstreamRequest> EncodeOllamaRequest(const core::Request& request,
                                            const UpstreamOptions& options);

// The whole body of a chat from the values alone.
Result<std::string> WriteOllamaRequest(const core::Request& request, const UpstreamOptions& options,
                                       bool stream);

}  // namespace tidegate::protocols::ollama
