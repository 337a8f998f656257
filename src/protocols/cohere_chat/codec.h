// Cohere's chat API, version 2, for clients and for upstreams.
#pragma once

#include "protocols/protocol.h"

namespace tidegate::protocols::cohere_chat {

const Protocol& Codec();

}  // namespace tidegate::protocols::cohere_chat
