// Ollama's own API, for clients and to servers that speak it.
#pragma once

#include "protocols/protocol.h"

namespace tidegate::protocols::ollama {

// The one codec of this protocol; lives as long as the process.
const Protocol& Codec();

}  // namespace tidegate::protocols::ollama
