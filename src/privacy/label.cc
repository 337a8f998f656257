#include "privacy/label.h"

#include <algorithm>

namespace tidegate::privacy {

Label ComputeLabel(const core::Constraints& effective, const Findings& findings) {
  Label label;
  label.level = std::max(effective.privacy.value_or(core::Privacy::kOpen), findings.least);
  label.places = label.level == core::Privacy::kMasked ? core::PlaceSet::Of(core::Place::kDevice)
                                                       : core::PlacesFor(label.level);
  return label;
}

}  // namespace tidegate::privacy
