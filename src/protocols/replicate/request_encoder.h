// A core::Request becomes a prediction to create; see Protocol::EncodeRequest.
#pragma once

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::replicate {

// "owner/name" is an official model, "owner/name:version" a version of any, and
// "deployments/owner/name" a deployment of one's own: each has a path of its own.
Result<UpstreamRequest> EncodePrediction(const core::Request& request,
                                         const UpstreamOptions& options);

}  // namespace tidegate::protocols::replicate
