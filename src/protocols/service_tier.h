// What a vendor's word for the haste of a request means where requests wait for a model of this
// device. To its vendor the word travels on as it came.
#pragma once

#include <string_view>

#include "core/constraints.h"

namespace tidegate::protocols {

// "flex" may wait and "priority" should not; every other word changes nothing. What the request
// states in the gate's own words counts before this.
inline void ApplyServiceTier(std::string_view word, core::Constraints& out) {
  if (out.priority) return;
  if (word == "flex") out.priority = core::Priority::kBackground;
  if (word == "priority") out.priority = core::Priority::kInteractive;
}

}  // namespace tidegate::protocols
