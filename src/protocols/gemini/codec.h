// Google's Gemini API (generateContent), for clients and for upstreams.
#pragma once

#include "protocols/protocol.h"

namespace tidegate::protocols::gemini {

const Protocol& Codec();

}  // namespace tidegate::protocols::gemini
