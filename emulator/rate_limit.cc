#include "emulator/rate_limit.h"

#include <algorithm>

namespace tidegate::emulator {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kWindow = 60 * kSecond;
constexpr std::int64_t kConcurrentRetryAfterS = 1;

}  // namespace

// What a request will need is not known yet, so the tokens of the last one may go beyond.
bool RateLimit::WindowIsFull() const {
  return (per_minute_max_ > 0 && used_ >= per_minute_max_) ||
         (tokens_max_ > 0 && tokens_used_ >= tokens_max_);
}

RateLimit::Decision RateLimit::Admit(std::int64_t now_nanos) {
  if (used_ == 0 || now_nanos - window_start_ >= kWindow) {
    window_start_ = now_nanos;
    used_ = tokens_used_ = 0;
  }
  Decision decision;
  decision.reset_s = (window_start_ + kWindow - now_nanos + kSecond - 1) / kSecond;
  decision.tokens_left = std::max<std::int64_t>(0, tokens_max_ - tokens_used_);
  decision.remaining = std::max<std::int64_t>(0, per_minute_max_ - used_);
  if (WindowIsFull()) {
    decision.retry_after_s = decision.reset_s;
    return decision;
  }
  if (concurrent_max_ > 0 && concurrent_ >= concurrent_max_) {
    decision.retry_after_s = kConcurrentRetryAfterS;
    return decision;
  }
  ++used_;
  ++concurrent_;
  decision.admitted = true;
  decision.remaining = std::max<std::int64_t>(0, per_minute_max_ - used_);
  return decision;
}

}  // namespace tidegate::emulator
