#include "net/sleep.h"

#include "net/deadline.h"

namespace tidegate::net {

Task<bool> SleepTimer::SleepUntil(CancelToken& cancel, std::int64_t due_nanos) {
  if (cancel.cancelled()) co_return false;
  const std::int64_t left = due_nanos - MonotonicNow();
  if (left <= 0) co_return true;
  timer_.expires_after(std::chrono::nanoseconds(left));
  const CancelToken::Scope scope(cancel, [this] { timer_.cancel(); });
  co_await timer_.async_wait(kAwait);  // its error says no more than the token does
  co_return !cancel.cancelled();
}

}  // namespace tidegate::net
