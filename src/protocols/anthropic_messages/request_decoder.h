// A client's body becomes a core::Request; see Protocol::DecodeRequest.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::anthropic_messages {

// `count`: its tokens are asked for, not its answer, so that no limit of it has to be stated.
Result<core::Request> DecodeMessagesRequest(const ClientHead& head, bool count,
                                            std::string_view body,
                                            const ConstraintParser& constraints);

}  // namespace tidegate::protocols::anthropic_messages
