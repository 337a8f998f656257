// A client's body becomes a core::Request; see Protocol::DecodeRequest.
//
// Strict where a mistake could be understood in two ways (types, ranges, names that stand twice,
// contradictions), open where the protocol grows: a field we do not know stays in the body, and the
// request then needs a target that passes such fields on.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "protocols/constraint_parser.h"

namespace tidegate::protocols::openai_chat {

// REQUIRES: json::kPaddingBytes readable bytes behind `body`, which outlives the Request.
Result<core::Request> DecodeChatRequest(std::string_view body, const ConstraintParser& constraints);

}  // namespace tidegate::protocols::openai_chat
