// The device is where the caller is, so it is within every jurisdiction that the caller may name.
#include "policy/region.h"

#include <algorithm>

#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) {
  const std::optional<std::vector<std::string>>& allowed = c.query.input.constraints.region;
  if (!allowed || c.deployment.place == core::Place::kDevice) return true;
  return std::any_of(allowed->begin(), allowed->end(), [&](const std::string& region) {
    return policy::RegionWithin(c.deployment.region, region);
  });
}

std::string Explain(const Case& c) {
  std::string allowed;
  for (const std::string& region : *c.query.input.constraints.region)
    allowed += (allowed.empty() ? "" : ", ") + region;
  return "its region is " + (c.deployment.region.empty() ? "unknown" : c.deployment.region) +
         ", and the request allows: " + (allowed.empty() ? "none" : allowed);
}

}  // namespace

const Rule kRegionRule{core::RejectReason::kRegion, false, Admits, Explain};

}  // namespace tidegate::plan
