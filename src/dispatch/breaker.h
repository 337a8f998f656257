// Leaving alone an upstream that fails every time.
//
// After kBreakerFailures failures in a row a target is skipped for a while; then one request probes
// it. A success closes the breaker, a failure opens it for twice as long. What counts as a failure
// is the upstream's doing alone: a caller's bad request or a client that went away says nothing
// about it.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/error.h"

namespace tidegate::dispatch {

// Thread-safe; a few relaxed atomics. Two threads may both probe: harmless.
class Breaker {
 public:
  // Whether a request may be sent at this (monotonic) moment.
  bool Closed(std::int64_t now) const { return open_until_.load(std::memory_order_relaxed) <= now; }
  // Nanoseconds until it may be tried again; 0 when it may be now.
  std::int64_t OpenFor(std::int64_t now) const;
  void Succeeded();
  // Returns true when this failure opened it.
  bool Failed(std::int64_t now, const Error& error);

  // Whether `error` counts against the upstream.
  static bool Counts(const Error& error);

 private:
  std::atomic<int> failures_{0};
  std::atomic<std::int64_t> open_until_{0};
  std::atomic<std::int64_t> open_time_{0};
};

}  // namespace tidegate::dispatch
