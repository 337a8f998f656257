// The ranges and fixed values of Ollama's API.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocols/limits.h"

namespace tidegate::protocols::ollama {

inline constexpr std::int64_t kTopLogprobsMax = 20;
inline constexpr double kTemperatureMax = 100;  // the API has no limit of its own
inline constexpr double kPenaltyMax = 100;      // likewise; and -100
inline constexpr std::int64_t kWindowTokensMax = 100'000'000;
inline constexpr std::int64_t kRepeatLastNMax = 10'000'000;
inline constexpr std::size_t kContextTokensMax = 4'000'000;  // numbers of `context`
inline constexpr std::size_t kShowBytesMax = 64U << 10U;     // a request for the facts of a model
// The release whose API this is. Clients ask for a minimum, GitHub Copilot for 0.6.4.
inline constexpr std::string_view kApiVersion = "0.33.0";

}  // namespace tidegate::protocols::ollama
