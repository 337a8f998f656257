#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) { return c.live.available; }

std::string Explain(const Case& c) {
  return c.live.unavailable_why.empty() ? "it is not available now" : c.live.unavailable_why;
}

}  // namespace

const Rule kAvailableRule{core::RejectReason::kUnavailable, false, Admits, Explain};

}  // namespace tidegate::plan
