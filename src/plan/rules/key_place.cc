#include "plan/rules/places.h"
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) { return c.query.input.key_places.Has(c.deployment.place); }

std::string Explain(const Case& c) {
  return "it runs at place " + std::string(core::ToString(c.deployment.place)) +
         ", and the key may use: " + Join(c.query.input.key_places);
}

}  // namespace

const Rule kKeyPlaceRule{core::RejectReason::kKeyPlace, false, Admits, Explain};

}  // namespace tidegate::plan
