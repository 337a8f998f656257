// The rate limits of one model: requests and tokens in a minute, and requests at once.
#pragma once

#include <cstdint>

namespace tidegate::emulator {

// Windows of a minute that begin with the first request in them. Not thread-safe.
class RateLimit {
 public:
  // 0 = unlimited.
  RateLimit(std::int64_t per_minute_max, std::int64_t concurrent_max,
            std::int64_t tokens_per_minute_max = 0)
      : per_minute_max_(per_minute_max),
        concurrent_max_(concurrent_max),
        tokens_max_(tokens_per_minute_max) {}

  struct Decision {
    bool admitted = false;
    std::int64_t remaining = 0;  // requests in this window
    std::int64_t tokens_left = 0;
    std::int64_t reset_s = 0;  // until the window ends, rounded up
    std::int64_t retry_after_s = 0;
  };
  // Each admitted request is followed by one Leave.
  Decision Admit(std::int64_t now_nanos);
  void Leave(std::int64_t tokens = 0) {
    --concurrent_;
    tokens_used_ += tokens;
  }
  // Begins a new window; what is running stays counted.
  void ResetWindow() { used_ = tokens_used_ = 0; }

  std::int64_t per_minute_max() const { return per_minute_max_; }

 private:
  bool WindowIsFull() const;
  const std::int64_t per_minute_max_, concurrent_max_, tokens_max_;
  std::int64_t window_start_ = 0;
  std::int64_t used_ = 0;
  std::int64_t tokens_used_ = 0;
  std::int64_t concurrent_ = 0;
};

}  // namespace tidegate::emulator
