// What costs nothing fits any budget, also one that is overdrawn.
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) {
  return c.estimate.worst_cost.nanodollars == 0 ||
         c.estimate.worst_cost <= c.query.input.budget_left;
}

// Also said of a free target when the caller refuses to be served by less than the first choice.
std::string Explain(const Case& c) {
  if (Admits(c)) return "the first choice is over budget and on_over_budget is refuse";
  const Money left = std::max(c.query.input.budget_left, Money{});
  return "it may cost up to $" + FormatUsd(c.estimate.worst_cost) + ", and the budget has $" +
         FormatUsd(left) + " left";
}

}  // namespace

const Rule kBudgetRule{core::RejectReason::kBudget, true, Admits, Explain};

}  // namespace tidegate::plan
