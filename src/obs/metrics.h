// What is counted while requests run, without a lock and without a locked instruction: each shard
// has cells of its own, which it alone writes, and whoever wants the sums adds them up.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tidegate::obs {

// A number that one thread changes and any thread reads.
class Cell {
 public:
  void Add(std::int64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Upper bounds of the buckets of a duration, in microseconds: from an answer out of the next room
// to one that a large model on a small machine thinks about for minutes. Each is at least twice the
// one before.
inline constexpr std::array<std::int64_t, 16> kDurationBoundsUs = {
    1'000,   2'500,     5'000,     10'000,    25'000,     50'000,     100'000,     250'000,
    500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 100'000'000, 300'000'000};

// How many bounds are below every number of so many bits.
inline constexpr std::array<std::uint8_t, 65> kDurationBoundsBelow = [] {
  std::array<std::uint8_t, 65> below{};
  for (std::size_t bits = 1; bits < below.size(); ++bits) {
    for (const std::int64_t bound : kDurationBoundsUs) {
      if (static_cast<std::uint64_t>(bound) < std::uint64_t{1} << (bits - 1)) ++below[bits];
    }
  }
  return below;
}();

// The bucket of a duration: how many bounds it is beyond. Between two powers of two lies one bound
// at most, so the number of its bits says all but the last comparison.
constexpr std::size_t DurationBucket(std::int64_t us) {
  if (us <= 0) return 0;
  const auto bits = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(us)));
  const std::size_t below = kDurationBoundsBelow[bits];
  return below < kDurationBoundsUs.size() && us > kDurationBoundsUs[below] ? below + 1 : below;
}

// How many durations fell into each bucket, the last of which has no bound, and their sum.
struct Durations {
  std::array<std::int64_t, kDurationBoundsUs.size() + 1> counts{};
  std::int64_t sum_us = 0;
};

// Durations that one thread observes and any thread reads.
class DurationCells {
 public:
  void Observe(std::int64_t us) {
    counts_[DurationBucket(us)].Add();
    sum_us_.Add(us);
  }
  void AddTo(Durations& sums) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) sums.counts[i] += counts_[i].value();
    sums.sum_us += sum_us_.value();
  }

 private:
  std::array<Cell, kDurationBoundsUs.size() + 1> counts_;
  Cell sum_us_;
};

}  // namespace tidegate::obs
