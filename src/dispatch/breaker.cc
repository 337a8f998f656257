#include "dispatch/breaker.h"

#include <algorithm>

#include "dispatch/limits.h"

namespace tidegate::dispatch {

std::int64_t Breaker::OpenFor(std::int64_t now) const {
  return std::max<std::int64_t>(0, open_until_.load(std::memory_order_relaxed) - now);
}

void Breaker::Succeeded() {
  if (failures_.load(std::memory_order_relaxed) == 0) return;
  failures_.store(0, std::memory_order_relaxed);
  open_time_.store(0, std::memory_order_relaxed);
  open_until_.store(0, std::memory_order_relaxed);
}

bool Breaker::Counts(const Error& error) {
  if (error.source != ErrorSource::kUpstream && error.source != ErrorSource::kEngine) return false;
  if (error.reason == "engine_queue_full") return false;  // it has plenty to do, and does it
  // All that it answered fail at once, and it is back in a moment; else the engine itself says
  // when.
  if (error.reason == "engine_crashed") return false;
  switch (error.code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kProtocol:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kInternal:
      return true;
    default:
      return false;
  }
}

bool Breaker::Failed(std::int64_t now, const Error& error) {
  if (!Counts(error)) return false;
  if (failures_.fetch_add(1, std::memory_order_relaxed) + 1 < kBreakerFailures) return false;
  const std::int64_t last = open_time_.load(std::memory_order_relaxed);
  const std::int64_t next = last == 0 ? kBreakerOpen : std::min(last * 2, kBreakerOpenMax);
  open_time_.store(next, std::memory_order_relaxed);
  open_until_.store(now + next, std::memory_order_relaxed);
  return true;
}

}  // namespace tidegate::dispatch
