// Time as a dependency, so that tests need no sleeps. Intervals use the monotonic clock; only dates
// use the wall clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace tidegate {

inline constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t WallNanos() const = 0;       // since 1970-01-01T00:00:00Z
  virtual std::int64_t MonotonicNanos() const = 0;  // since some fixed moment; never goes back
};

// The machine's clocks. Lives as long as the process.
const Clock& SystemClock();

class FakeClock : public Clock {
 public:
  std::int64_t WallNanos() const override { return wall_.load(); }
  std::int64_t MonotonicNanos() const override { return monotonic_.load(); }
  void Advance(std::int64_t nanos) {
    wall_ += nanos;
    monotonic_ += nanos;
  }
  void SetWall(std::int64_t nanos) { wall_ = nanos; }

 private:
  std::atomic<std::int64_t> wall_{1'700'000'000'000'000'000};
  std::atomic<std::int64_t> monotonic_{1'000'000'000};
};

// Number of the UTC day (days since 1970-01-01), the identity of a daily budget window.
constexpr std::int32_t UtcDay(std::int64_t wall_nanos) {
  return static_cast<std::int32_t>(wall_nanos / 86'400'000'000'000);
}
// "2026-11-22T10:45:00.123Z".
std::string FormatUtc(std::int64_t wall_nanos);
// "2026-11-22" of a UtcDay.
std::string FormatUtcDay(std::int32_t day);

}  // namespace tidegate
