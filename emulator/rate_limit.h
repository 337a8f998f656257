// The rate limits of one model: requests in a minute and requests at once.
#pragma once

#include <cstdint>

namespace tidegate::emulator {

// Windows of a minute that begin with the first request in them. Not thread-safe.
class RateLimit {
 public:
  // 0 = unlimited.
  RateLimit(std::int64_t per_minute_max, std::int64_t concurrent_max)
      : per_minute_max_(per_minute_max), concurrent_max_(concurrent_max) {}

  struct Decision {
    bool admitted = false;
    std::int64_t remaining = 0;  // requests in this window
    std::int64_t reset_s = 0;    // until the window ends, rounded up
    std::int64_t retry_after_s = 0;
  };
  // Each admitted request is followed by one Leave.
  Decision Admit(std::int64_t now_nanos);
  void Leave() { --concurrent_; }
  // Begins a new window; what is running stays counted.
  void ResetWindow() { used_ = 0; }

  std::int64_t per_minute_max() const { return per_minute_max_; }

 private:
  const std::int64_t per_minute_max_, concurrent_max_;
  std::int64_t window_start_ = 0;
  std::int64_t used_ = 0;
  std::int64_t concurrent_ = 0;
};

}  // namespace tidegate::emulator
