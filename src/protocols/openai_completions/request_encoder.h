// A text to be continued, or filled in, as the body for an upstream that speaks completions.
#pragma once

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::openai_completions {

// As Protocol::EncodeRequest. A request of this protocol keeps its bytes where nothing of it has to
// be said otherwise; one that came as a text in another is written. A chat is refused.
Result<UpstreamRequest> EncodeCompletionRequest(const core::Request& request,
                                                const UpstreamOptions& options);

}  // namespace tidegate::protocols::openai_completions
