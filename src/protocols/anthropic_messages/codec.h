// Anthropic's Messages API, for clients and for upstreams.
#pragma once

#include "protocols/protocol.h"

namespace tidegate::protocols::anthropic_messages {

const Protocol& Codec();

}  // namespace tidegate::protocols::anthropic_messages
