// Money is reserved before it is spent, so a target without a bound on its cost is none.
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) {
  return c.deployment.prices.has_value() && c.estimate.worst_cost < Money::Max();
}

std::string Explain(const Case& c) {
  if (!c.deployment.prices)
    return "its price is unknown; state it in the configuration of provider " +
           c.deployment.ref.provider;
  return "neither its window nor the request bounds what the prompt may cost";
}

}  // namespace

const Rule kPriceRule{core::RejectReason::kPriceUnknown, true, Admits, Explain};

}  // namespace tidegate::plan
