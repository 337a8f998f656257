// OpenAI's chat completions: what most clients speak to us, and what llama-server and most
// providers speak.
#pragma once

#include "protocols/protocol.h"

namespace tidegate::protocols::openai_chat {

// The one codec of this protocol; lives as long as the process.
const Protocol& Codec();

}  // namespace tidegate::protocols::openai_chat
