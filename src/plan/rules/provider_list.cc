// `providers.only` and `providers.ignore`.
#include <algorithm>

#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Has(const std::vector<std::string>& list, const core::Deployment& deployment) {
  return std::find(list.begin(), list.end(), deployment.ref.provider) != list.end();
}

bool Admits(const Case& c) {
  const core::Constraints& constraints = c.query.input.constraints;
  if (Has(constraints.providers_ignore, c.deployment)) return false;
  return !constraints.providers_only || Has(*constraints.providers_only, c.deployment);
}

std::string Explain(const Case& c) {
  const bool ignored = Has(c.query.input.constraints.providers_ignore, c.deployment);
  return "provider " + c.deployment.ref.provider +
         (ignored ? " is in providers.ignore" : " is not in providers.only");
}

}  // namespace

const Rule kProviderListRule{core::RejectReason::kProviderList, false, Admits, Explain};

}  // namespace tidegate::plan
