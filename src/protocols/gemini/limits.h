// The ranges of the Gemini API.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocols/limits.h"

namespace tidegate::protocols::gemini {

inline constexpr double kTemperatureMax = 2;
inline constexpr double kPenaltyMax = 2;
inline constexpr std::int64_t kCandidatesMax = 8;
inline constexpr std::int64_t kTopLogprobsMax = 20;
inline constexpr std::int64_t kCandidateIndexMax = 127;      // of an answer
inline constexpr std::size_t kCitationsPerAnswerMax = 4096;  // what stands beyond is not read

}  // namespace tidegate::protocols::gemini
