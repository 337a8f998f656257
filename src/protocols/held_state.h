// A state that waits for the part it belongs to.
#pragma once

#include <string>

#include "core/part.h"

namespace tidegate::protocols {

struct HeldState {
  core::StateOrigin origin = core::StateOrigin::kNone;
  core::StateKind kind = core::StateKind::kSignature;
  std::string bytes, id;

  static HeldState Of(const core::OpaqueState& state) {
    return {state.origin, state.kind, std::string(state.bytes), std::string(state.id)};
  }
  core::OpaqueState View() const { return {origin, kind, bytes, id}; }
};

}  // namespace tidegate::protocols
