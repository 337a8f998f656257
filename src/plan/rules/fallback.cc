#include "plan/rules/fallback.h"

namespace tidegate::plan {
namespace {

bool SameModel(const core::Deployment& a, const core::Deployment& b) {
  return a.ref == b.ref || (!a.family.empty() && a.family == b.family);
}

}  // namespace

void RejectFallbacks(const Query& query, std::span<Candidate*> eligible) {
  if (eligible.empty() || query.fallback == core::Fallback::kAny) return;
  const core::Deployment& first = query.input.deployments[eligible.front()->deployment];
  for (Candidate* candidate : eligible.subspan(1)) {
    // For an explicit name the model rule has left only what bears it or has the same weights.
    if (query.fallback == core::Fallback::kSameModel &&
        (!query.name.automatic ||
         SameModel(first, query.input.deployments[candidate->deployment]))) {
      continue;
    }
    candidate->rejected = true;
    candidate->reason = core::RejectReason::kFallback;
  }
}

std::string ExplainFallback(const Query& query) {
  return query.fallback == core::Fallback::kNone
             ? "another target comes first and fallback is none"
             : "another model comes first and fallback is same_model";
}

}  // namespace tidegate::plan
