// The ranges of the Converse API.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocols/limits.h"

namespace tidegate::protocols::bedrock_converse {

inline constexpr double kTemperatureMax = 1;
inline constexpr std::int64_t kThinkingBudgetMin = 1024;
inline constexpr std::size_t kToolUseIdBytesMax = 64;
inline constexpr std::size_t kDocumentNameBytesMax = 200;
inline constexpr std::size_t kBlocksOpenMax = 64;  // of an answer, at once

}  // namespace tidegate::protocols::bedrock_converse
