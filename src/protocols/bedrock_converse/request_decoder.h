// A client's body becomes a core::Request; see Protocol::DecodeRequest.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::bedrock_converse {

Result<core::Request> DecodeConverseRequest(const Route& route, std::string_view body,
                                            const ConstraintParser& constraints);

}  // namespace tidegate::protocols::bedrock_converse
