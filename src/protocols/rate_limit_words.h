// How a protocol tells its clients of rate limits.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/rate_limits.h"

namespace tidegate::protocols {

// How a moment in the future is written.
enum class ResetForm : std::uint8_t {
  kDuration,   // "6m0s", "20ms": from now
  kTimestamp,  // RFC 3339
};

struct RateLimitWords {
  std::array<std::string_view, core::kRateLimitFacts> names;  // by core::RateLimitFact
  std::string_view prefix;  // of every field that the protocol's own vendor tells limits with
  ResetForm reset;
};

// OpenAI's, for all of its protocols.
inline constexpr RateLimitWords kOpenAiRateLimitWords{
    {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
     "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"},
    "x-ratelimit-",
    ResetForm::kDuration};

inline constexpr RateLimitWords kAnthropicRateLimitWords{
    {"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
     "anthropic-ratelimit-requests-reset", "anthropic-ratelimit-tokens-limit",
     "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"},
    "anthropic-ratelimit-",
    ResetForm::kTimestamp};

}  // namespace tidegate::protocols
