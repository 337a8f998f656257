#include "net/deadline.h"

#include <ctime>

#include "base/clock.h"
#include "net/limits.h"

namespace tidegate::net {

std::int64_t MonotonicNow() { return SystemClock().MonotonicNanos(); }

std::int64_t CoarseNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kSecond + now.tv_nsec;
}

DeadlineList::DeadlineList(asio::io_context& io, std::int64_t interval_nanos)
    : timer_(io), interval_nanos_(interval_nanos) {}

void DeadlineList::Arm(DeadlineEntry& entry, std::int64_t due) {
  entry.due = due;
  if (!entry.is_linked()) entries_.push_back(entry);
  if (!ticking_) Schedule();
}

void DeadlineList::Schedule() {
  ticking_ = true;
  timer_.expires_after(std::chrono::nanoseconds(interval_nanos_));
  timer_.async_wait([this](error_code ec) {
    ticking_ = false;
    if (ec) return;
    Scan();
    if (!entries_.empty() && !ticking_) Schedule();
  });
}

void DeadlineList::Scan() {
  const std::int64_t now = MonotonicNow();
  List due;
  for (auto it = entries_.begin(); it != entries_.end();) {
    DeadlineEntry& entry = *it++;
    if (entry.due > now) continue;
    entry.unlink();
    due.push_back(entry);
  }
  while (!due.empty()) {  // an entry may arm itself or others again, or destroy others
    DeadlineEntry& entry = due.front();
    entry.unlink();
    if (entry.due > now) {
      entries_.push_back(entry);
    } else {
      entry.OnDeadline();
    }
  }
}

}  // namespace tidegate::net
