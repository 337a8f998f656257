// Every bound of sending to upstreams.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/limits.h"

namespace tidegate::dispatch {

inline constexpr std::size_t kAnswerBytesMax =
    64 * 1024 * 1024;                                      // of an answer that is not streamed
inline constexpr std::size_t kErrorBytesMax = 256 * 1024;  // of an upstream's error answer
inline constexpr std::size_t kHeldBytesMax = 64 * 1024;    // of a stream before it is committed
inline constexpr std::size_t kStreamBytesMax = 1024 * 1024 * 1024;  // of one stream
inline constexpr std::int64_t kHeadTimeout =
    600 * net::kSecond;  // request sent to head of the answer
inline constexpr std::int64_t kStreamIdleTimeout =
    120 * net::kSecond;                     // between two bytes of an answer
inline constexpr int kBreakerFailures = 5;  // consecutive; then the breaker opens
inline constexpr std::int64_t kBreakerOpen =
    10 * net::kSecond;  // first time; doubles while probes fail
inline constexpr std::int64_t kBreakerOpenMax = 300 * net::kSecond;
inline constexpr std::int64_t kRetryAfterSecondsMax = 3600;
inline constexpr std::int64_t kJobEndTimeout = 5 * net::kSecond;  // for ending a job upstream
inline constexpr std::size_t kRateLimitFieldsMax = 24;  // of an answer, that are passed on
inline constexpr std::size_t kRateLimitValueBytesMax = 64;

}  // namespace tidegate::dispatch
