// By what a conversation is known again when it comes back one turn longer, or when much of a long
// text is asked about again.
//
// All that the model reads is one stream: tools, then messages. Each kBeginningBytes of it end in a
// digest of everything up to there; ids, marks for caches and thoughts that clients leave out later
// are no part of it. A later turn has the last digest of an earlier one among its own; two requests
// that begin alike have digests in common up to where they part. Of what is shorter there are none.
#pragma once

#include <cstddef>
#include <vector>

#include "base/digest.h"
#include "core/request.h"

namespace tidegate::core {

inline constexpr std::size_t kBeginningBytes = 1'024;  // some 250 tokens

std::vector<Sha256> BeginningsOf(const Request& request);

}  // namespace tidegate::core
