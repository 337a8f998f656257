// The ranges of the Messages API.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocols/limits.h"

namespace tidegate::protocols::anthropic_messages {

inline constexpr double kTemperatureMax = 1;
inline constexpr std::int64_t kThinkingBudgetMin = 1024;
// What is written for a caller whose protocol lets the limit be absent, when the model's own is not
// known.
inline constexpr std::int64_t kMaxTokensDefault = 4096;
inline constexpr std::string_view kVersionDefault = "2023-06-01";

}  // namespace tidegate::protocols::anthropic_messages
