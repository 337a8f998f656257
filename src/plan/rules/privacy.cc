#include "plan/rules/places.h"
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) { return c.query.label_places.Has(c.deployment.place); }

std::string Explain(const Case& c) {
  const std::string place(core::ToString(c.deployment.place));
  if (c.query.name.local_only)
    return "auto:private stays on the device, and it runs at place " + place;
  std::string text = "privacy is " + std::string(core::ToString(c.query.input.privacy)) +
                     ", which allows: " + Join(c.query.label_places) + "; it runs at place " +
                     place;
  if (c.query.input.privacy == core::Privacy::kMasked) text += "; nothing can mask requests yet";
  return text;
}

}  // namespace

const Rule kPrivacyRule{core::RejectReason::kPrivacy, false, Admits, Explain};

}  // namespace tidegate::plan
