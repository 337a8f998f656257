// What the request carries and what the caller requires: nothing is dropped silently.
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

core::CapabilitySet Missing(const Case& c) {
  return c.deployment.capabilities.Missing(
      c.query.input.profile.needs.Union(c.query.input.constraints.require));
}

bool Admits(const Case& c) { return Missing(c).empty(); }

std::string Explain(const Case& c) { return "it lacks: " + core::Join(Missing(c)); }

}  // namespace

const Rule kCapabilityRule{core::RejectReason::kCapability, false, Admits, Explain};

}  // namespace tidegate::plan
