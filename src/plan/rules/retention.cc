// What stays on the device is retained by nobody.
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) {
  return c.query.input.constraints.retention != core::Retention::kZeroDataRetention ||
         c.deployment.zero_data_retention || c.deployment.place == core::Place::kDevice;
}

std::string Explain(const Case&) { return "zero data retention is not assured for it"; }

}  // namespace

const Rule kRetentionRule{core::RejectReason::kRetention, false, Admits, Explain};

}  // namespace tidegate::plan
