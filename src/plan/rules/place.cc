#include "plan/rules/places.h"
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) {
  const std::optional<core::PlaceSet>& allowed = c.query.input.constraints.place;
  return !allowed || allowed->Has(c.deployment.place);
}

std::string Explain(const Case& c) {
  return "it runs at place " + std::string(core::ToString(c.deployment.place)) +
         ", and the request allows: " + Join(*c.query.input.constraints.place);
}

}  // namespace

const Rule kPlaceRule{core::RejectReason::kPlace, false, Admits, Explain};

}  // namespace tidegate::plan
