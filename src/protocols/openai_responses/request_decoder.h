// A client's body becomes a core::Request; see Protocol::DecodeRequest.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "protocols/constraint_parser.h"

namespace tidegate::protocols::openai_responses {

// `count`: its tokens are asked for, not its answer.
// REQUIRES: json::kPaddingBytes readable bytes behind `body`, which outlives the Request.
Result<core::Request> DecodeResponsesRequest(std::string_view body, bool count,
                                             const ConstraintParser& constraints);

}  // namespace tidegate::protocols::openai_responses
