// Judged by the slow end of what was measured: a deadline is a promise, not a hope.
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) {
  const std::optional<std::int64_t>& deadline_ms = c.query.input.constraints.deadline_ms;
  return !deadline_ms || c.estimate.total_ms_slow <= *deadline_ms;
}

std::string Explain(const Case& c) {
  return "it may take " + std::to_string(c.estimate.total_ms_slow) + " ms, and the deadline is " +
         std::to_string(*c.query.input.constraints.deadline_ms) + " ms";
}

}  // namespace

const Rule kDeadlineRule{core::RejectReason::kDeadline, true, Admits, Explain};

}  // namespace tidegate::plan
