// A core::Request becomes the body for an upstream; see Protocol::EncodeRequest.
#pragma once

#include <string>

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::gemini {

// A request that came in this protocol keeps its bytes, but for what only the gate or another
// provider may see: then it is written anew, or refused if it holds what only the bytes can say.
Result<UpstreamRequest> EncodeGenerateRequest(const core::Request& request,
                                              const UpstreamOptions& options);

// The whole body from the values alone.
Result<std::string> WriteGenerateRequest(const core::Request& request,
                                         const UpstreamOptions& options);

}  // namespace tidegate::protocols::gemini
