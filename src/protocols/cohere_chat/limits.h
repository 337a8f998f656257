// The ranges of Cohere's chat API.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocols/limits.h"

namespace tidegate::protocols::cohere_chat {

// Of requests to it.
inline constexpr double kTemperatureMax = 1;  // what its models take, whatever the description says
inline constexpr double kPenaltyMax = 1;
inline constexpr double kTopPMin = 0.01;
inline constexpr double kTopPMax = 0.99;
inline constexpr std::int64_t kTopKAtUpstreamMax = 500;
inline constexpr std::size_t kStopsAtUpstreamMax = 5;

// Of requests from its clients.
inline constexpr double kClientTemperatureMax = 2;  // no limit is described; other protocols' is 2
inline constexpr std::int64_t kPriorityMax = 999;
inline constexpr std::size_t kDocumentIdBytesMax = 256;

// Of answers: how much of the text is kept to count the places of citations in it.
inline constexpr std::size_t kCitableTextBytesMax = 1U << 20U;
inline constexpr std::size_t kContentBlocksMax = 4096;

}  // namespace tidegate::protocols::cohere_chat
