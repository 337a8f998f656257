#include "base/clock.h"

#include <time.h>

#include <fmt/format.h>

namespace tidegate {
namespace {

std::int64_t Read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNanosPerSecond + now.tv_nsec;
}

class RealClock : public Clock {
 public:
  std::int64_t WallNanos() const override { return Read(CLOCK_REALTIME); }
  std::int64_t MonotonicNanos() const override { return Read(CLOCK_MONOTONIC); }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

std::string FormatUtc(std::int64_t wall_nanos) {
  const time_t seconds = static_cast<time_t>(wall_nanos / kNanosPerSecond);
  tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     wall_nanos % kNanosPerSecond / 1'000'000);
}

std::string FormatUtcDay(std::int32_t day) {
  return FormatUtc(static_cast<std::int64_t>(day) * 86'400 * kNanosPerSecond).substr(0, 10);
}

}  // namespace tidegate
