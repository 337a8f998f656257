// The privacy label of a request: computed before any target is considered, and never lowered.
#pragma once

#include "core/constraints.h"
#include "core/place.h"

namespace tidegate::privacy {

// What was found in the content of a request. Detectors fill it; without detectors nothing is found
// and the label is what the caller, the key and the policy ask for.
struct Findings {
  core::Privacy least = core::Privacy::kOpen;  // the least protection that the findings demand
};

struct Label {
  core::Privacy level = core::Privacy::kLocal;
  // Where a request of this label may go now. For kMasked this is the device alone as long as no
  // masker exists: what cannot be masked must not leave.
  core::PlaceSet places = core::PlaceSet::Of(core::Place::kDevice);
};

// REQUIRES: `effective` is merged from every source (policy::Merge).
Label ComputeLabel(const core::Constraints& effective, const Findings& findings);

}  // namespace tidegate::privacy
