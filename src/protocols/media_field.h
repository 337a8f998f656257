// Which part of a request a model cannot take, as a path in the caller's own protocol.
#pragma once

#include <string>

#include "core/capability.h"
#include "core/request.h"

namespace tidegate::protocols {

// Of the first image, sound, video or file that needs one of the `missing` capabilities; empty when
// there is none, or when it stands nowhere in the body. For errors only.
[[gnu::cold]] std::string MediaField(const core::Request& request, core::CapabilitySet missing);

}  // namespace tidegate::protocols
