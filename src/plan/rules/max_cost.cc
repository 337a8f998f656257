#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) {
  const std::optional<Money>& max_cost = c.query.input.constraints.max_cost;
  return !max_cost || c.estimate.worst_cost <= *max_cost;
}

std::string Explain(const Case& c) {
  return "it may cost up to $" + FormatUsd(c.estimate.worst_cost) + ", and max_cost_usd is " +
         FormatUsd(*c.query.input.constraints.max_cost);
}

}  // namespace

const Rule kMaxCostRule{core::RejectReason::kMaxCost, true, Admits, Explain};

}  // namespace tidegate::plan
