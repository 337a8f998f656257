#include "models/pull_work.h"

#include <algorithm>
#include <utility>

#include "net/deadline.h"

namespace tidegate::models {

void PullWork::Tell(Progress event) {
  last_ = event;
  for (std::size_t i = 0; i < waiters_.size();) {
    const Waiter* const waiter = waiters_[i];
    const PullListener listener = waiter->listener;  // who hears it may leave, and this with it
    if (listener) listener(event);
    if (i < waiters_.size() && waiters_[i] == waiter) ++i;
  }
}

net::Task<Result<void>> PullWork::Wait(Waiter& waiter, net::CancelToken& cancel) {
  if (!result_ && std::find(waiters_.begin(), waiters_.end(), &waiter) == waiters_.end()) {
    waiters_.push_back(&waiter);
    if (last_ && waiter.listener) waiter.listener(*last_);
  }
  {
    const net::CancelToken::Scope scope(cancel, [&waiter] { waiter.point.Wake(); });
    while (!result_ && !cancel.cancelled()) {
      co_await waiter.point.Wait();
    }
  }
  std::erase(waiters_, &waiter);
  if (result_) co_return *result_;
  if (waiters_.empty()) cancel_.Cancel(cancel.why());
  co_return cancel.MakeError();
}

void PullWork::End(Result<void> result) {
  result_ = std::move(result);
  while (!waiters_.empty()) {
    Waiter* const waiter = waiters_.back();
    if (waiter->point.waiting()) {
      waiter->point.Wake();  // takes itself off the list
    } else {
      waiters_.pop_back();  // it looks for the result before it waits
    }
  }
}

std::function<void(std::uint64_t total, std::uint64_t completed)> TellOf(
    PullWork& work, std::string status, std::optional<Digest> digest) {
  return [&work, status = std::move(status), digest, last = std::int64_t{0}](
             std::uint64_t total, std::uint64_t completed) mutable {
    const std::int64_t now = net::MonotonicNow();
    if (completed < total && last != 0 && now - last < kPullEventNanos) return;
    last = now;
    work.Tell({status, digest, total, completed});
  };
}

}  // namespace tidegate::models
