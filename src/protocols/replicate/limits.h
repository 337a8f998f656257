// Bounds of Replicate's protocol.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidegate::protocols::replicate {

inline constexpr std::size_t kIdBytesMax = 128;  // of a prediction
inline constexpr std::int64_t kPollFirstNanos = 250'000'000;
inline constexpr std::int64_t kPollNanosMax = 2'000'000'000;
inline constexpr std::int64_t kPollsMax = 10'000;
inline constexpr std::int64_t kTokensMax = 1'000'000'000'000;  // that a metric can be believed

}  // namespace tidegate::protocols::replicate
