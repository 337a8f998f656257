// Every bound of the kept conversations.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidegate::conversations {

inline constexpr int kDaysDefault = 30;                      // since an answer was last used
inline constexpr std::int64_t kAnswersDefault = 10'000;      // of one principal
inline constexpr std::int64_t kBytesDefault = 256LL << 20U;  // of one principal
inline constexpr std::size_t kChainTurnsMax = 1'024;         // answers that continue each other
inline constexpr std::size_t kIdBytesMax = 256;
inline constexpr int kPrunedPerCommit = 64;  // answers that make room for one
// An answer that is continued stays as young as what continues it, to this accuracy.
inline constexpr std::int64_t kTouchSeconds = 3'600;

}  // namespace tidegate::conversations
