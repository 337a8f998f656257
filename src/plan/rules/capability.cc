// What the request carries and what the caller requires: nothing is dropped silently.
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

// Fields that nobody here knows reach only who speaks the caller's own protocol.
core::CapabilitySet Missing(const Case& c) {
  core::CapabilitySet has = c.deployment.capabilities;
  if (!c.deployment.Speaks(c.query.input.profile.protocol)) {
    has = has.Without(core::Capability::kVendorFields);
  }
  return has.Missing(c.query.input.profile.needs.Union(c.query.input.constraints.require));
}

bool Admits(const Case& c) { return Missing(c).empty(); }

std::string Explain(const Case& c) { return "it lacks: " + core::Join(Missing(c)); }

}  // namespace

const Rule kCapabilityRule{core::RejectReason::kCapability, false, Admits, Explain};

}  // namespace tidegate::plan
