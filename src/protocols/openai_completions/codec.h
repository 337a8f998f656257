// OpenAI's older Completions: a prompt that is continued, not a chat. A chat model may answer it,
// with the prompt as the user's only message; a server that speaks it gets it as it is.
#pragma once

#include "protocols/protocol.h"

namespace tidegate::protocols::openai_completions {

// POST /v1/completions, /completions upstream. Nothing but texts that are continued or filled in
// can be said in it, so that upstreams speak it beside another (Deployment::also_speaks).
const Protocol& Codec();

}  // namespace tidegate::protocols::openai_completions
