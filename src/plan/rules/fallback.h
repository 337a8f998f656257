// The one rule that looks at the order and not at a deployment: what may follow the first choice.
#pragma once

#include <span>
#include <string>

#include "plan/query.h"

namespace tidegate::plan {

// Rejects (kFallback) the candidates that the caller does not want to fall back to. `eligible` is
// the candidates in order, best first.
void RejectFallbacks(const Query& query, std::span<Candidate*> eligible);

std::string ExplainFallback(const Query& query);

}  // namespace tidegate::plan
