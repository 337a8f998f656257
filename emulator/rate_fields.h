// The header lines by which vendors tell their rate limits.
#pragma once

#include <cstdint>
#include <string>

#include "emulator/model.h"
#include "emulator/rate_limit.h"

namespace tidegate::emulator {

// Empty for a model without a limit and for RateFields::kNone.
std::string RateLimitFields(RateFields style, const Model& model,
                            const RateLimit::Decision& decision, std::int64_t wall_nanos);

}  // namespace tidegate::emulator
