// Amazon Bedrock's Converse API, for clients and for upstreams.
#pragma once

#include "protocols/protocol.h"

namespace tidegate::protocols::bedrock_converse {

const Protocol& Codec();

}  // namespace tidegate::protocols::bedrock_converse
