// The ranges of the OpenAI API description (CreateResponse), and bounds of our own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocols/limits.h"

namespace tidegate::protocols::openai_responses {

inline constexpr std::size_t kItemsMax = 16'384;      // of `input`, what was kept included
inline constexpr std::size_t kIncludesMax = 64;       // entries of `include`
inline constexpr std::int64_t kOutputTokensMin = 16;  // upstreams refuse a smaller limit
inline constexpr std::int64_t kTopLogprobsMax = 20;
inline constexpr double kTemperatureMax = 2;
inline constexpr double kTopPMax = 1;
inline constexpr std::size_t kResponseIdBytesMax = 256;
inline constexpr std::int64_t kOutputItemsMax = 16'384;  // of one answer
inline constexpr std::int64_t kListLimitMax = 100;       // input items of one page
inline constexpr std::int64_t kListLimitDefault = 20;

}  // namespace tidegate::protocols::openai_responses
