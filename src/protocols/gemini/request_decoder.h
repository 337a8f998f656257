// A client's body becomes a core::Request; see Protocol::DecodeRequest.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::gemini {

// REQUIRES: ParseMethodPath finds something in head.path.
Result<core::Request> DecodeGenerateRequest(const ClientHead& head, std::string_view body,
                                            const ConstraintParser& constraints);

}  // namespace tidegate::protocols::gemini
