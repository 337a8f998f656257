// How fast all downloads together may be, and how often a failed request is sent again.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "net/cancel.h"
#include "net/deadline.h"
#include "net/limits.h"
#include "net/shard.h"
#include "net/sleep.h"

namespace tidegate::models {

inline constexpr int kDownloadTriesMax = 6;                      // without progress between them
inline constexpr std::int64_t kBackoffNanos = 1 * net::kSecond;  // before the second; doubles
inline constexpr std::int64_t kBackoffNanosMax = 32 * net::kSecond;
inline constexpr std::int64_t kRetryAfterSecondsMax = 60;  // of what a server may ask for
// What may go at once after a pause.
inline constexpr std::int64_t kBandwidthBurstNanos = 100 * net::kMillisecond;

// Hands out bytes per second. One shard.
class Bandwidth {
 public:
  // 0 = no limit.
  explicit Bandwidth(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}

  // From when on the `bytes` that have just come may be followed by others; monotonic.
  std::int64_t Charge(std::uint64_t bytes, std::int64_t now) {
    if (rate_ == 0) return now;
    const double nanos = static_cast<double>(bytes) * 1e9 / static_cast<double>(rate_);
    paid_ = std::max(paid_, now - kBandwidthBurstNanos) + static_cast<std::int64_t>(nanos);
    return paid_;
  }

 private:
  std::uint64_t rate_;
  std::int64_t paid_ = 0;
};

struct RetryOptions {
  int tries_max = kDownloadTriesMax;
  std::int64_t backoff_nanos = kBackoffNanos;
  std::int64_t backoff_nanos_max = kBackoffNanosMax;
};

// Of one request that is sent until it succeeds.
class Retries {
 public:
  explicit Retries(const RetryOptions& options) : options_(options) {}

  // Whether the same request may succeed the next time: the network and the other side failed, and
  // not this machine, nor what was asked.
  static bool CanHelp(const Error& error) {
    if (error.source == ErrorSource::kGateway || error.source == ErrorSource::kCaller) return false;
    return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kDeadlineExceeded ||
           error.code == ErrorCode::kRateLimited ||
           (error.code == ErrorCode::kProtocol && error.reason == "cut");
  }
  // There was progress: the count begins anew.
  void Progress() { failed_ = 0; }
  // Waits before the next try. false = there is none: it would not help, there were enough, or
  // `cancel` was cancelled.
  net::Task<bool> Again(net::Shard& shard, net::CancelToken& cancel, Error error) {
    if (!CanHelp(error) || ++failed_ >= options_.tries_max) co_return false;
    std::int64_t wait = options_.backoff_nanos;
    for (int i = 1; i < failed_ && wait < options_.backoff_nanos_max; ++i) wait *= 2;
    wait = std::min(wait, options_.backoff_nanos_max);
    wait = std::max(wait, std::min(error.retry_after_s, kRetryAfterSecondsMax) * net::kSecond);
    net::SleepTimer timer(shard);
    co_return co_await timer.SleepUntil(cancel, net::MonotonicNow() + wait);
  }

 private:
  RetryOptions options_;
  int failed_ = 0;
};

}  // namespace tidegate::models
