// OpenAI's Responses API, for clients and for upstreams.
#pragma once

#include "protocols/protocol.h"

namespace tidegate::protocols::openai_responses {

const Protocol& Codec();

}  // namespace tidegate::protocols::openai_responses
