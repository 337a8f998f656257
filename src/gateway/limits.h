// Every bound of the gateway.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tidegate::gateway {

// The paths of admin/.
constexpr bool IsAdminPath(std::string_view path) {
  return path.starts_with("/tidegate/") || path == "/metrics";
}
inline constexpr std::size_t kInFlightPerShardMax = 12'000;  // requests; more are answered 503
inline constexpr std::size_t kUnprovenBodiesPerShardMax =
    64;  // bodies of signed requests that are read before the caller is known; more are answered
         // 503
inline constexpr std::int64_t kLiveViewAgeMax =
    20'000'000;  // nanoseconds a shard's view of live states may be old
inline constexpr std::int64_t kDeadlineMsMax = 24LL * 3600 * 1000;
inline constexpr int kWholeCardsMax = 4;  // models shown with all their lists at once
inline constexpr std::size_t kNameBodyBytesMax = 64U << 10U;  // that only names a model
inline constexpr std::int64_t kOverloadRetryAfterSeconds = 1;
inline constexpr std::size_t kEligibleRecordedMax = 32;  // eligible candidates kept in a record
inline constexpr std::size_t kRejectedRecordedMax = 32;  // rejected candidates kept in a record
// Without usage from the provider we assume this many bytes of answer to a token: fewer than text
// of any common language has.
inline constexpr std::int64_t kEstimateBytesPerToken = 3;

}  // namespace tidegate::gateway
