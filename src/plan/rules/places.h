// Writing sets of places in sentences.
#pragma once

#include <string>

#include "core/place.h"

namespace tidegate::plan {

// "device, edge", or "none".
inline std::string Join(core::PlaceSet places) {
  std::string names;
  for (int i = 0; i < core::kPlaces; ++i) {
    const auto place = static_cast<core::Place>(i);
    if (!places.Has(place)) continue;
    if (!names.empty()) names += ", ";
    names += core::ToString(place);
  }
  return names.empty() ? "none" : names;
}

}  // namespace tidegate::plan
