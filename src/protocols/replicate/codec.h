// Replicate's predictions, to upstreams: a request becomes a job whose output is streamed, waited
// for or asked for again. A model there is a function of a few named inputs; language models take a
// prompt, so a conversation is written as one text.
#pragma once

#include "protocols/protocol.h"

namespace tidegate::protocols::replicate {

const Protocol& Codec();

}  // namespace tidegate::protocols::replicate
