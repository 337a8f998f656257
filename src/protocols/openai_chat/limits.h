// The ranges of the OpenAI API description (CreateChatCompletionRequest).
#pragma once

#include <cstdint>

#include "protocols/limits.h"

namespace tidegate::protocols::openai_chat {

inline constexpr std::int64_t kChoicesMax = 128;
inline constexpr std::int64_t kTopLogprobsMax = 20;
inline constexpr std::int64_t kLogitBiasMax = 100;  // and -100
inline constexpr double kTemperatureMax = 2;
inline constexpr double kTopPMax = 1;
inline constexpr double kPenaltyMax = 2;  // and -2

}  // namespace tidegate::protocols::openai_chat
