#include "net/task_group.h"

#include <exception>

#include "base/check.h"

namespace tidegate::net {

TaskGroup::~TaskGroup() { CHECK(children_ == 0 || io_.stopped()); }

bool TaskGroup::Spawn(Task<void> task) {
  if (closed_) return false;
  ++children_;
  net::Spawn(io_, std::move(task), [this](std::exception_ptr) { Finished(); });
  return true;
}

void TaskGroup::Cancel(ErrorCode why) {
  Close();
  cancel_.Cancel(why);
}

void TaskGroup::Finished() {
  --children_;
  if (children_ == 0 && waiter_ != nullptr) waiter_->cancel();
}

Task<void> TaskGroup::Wait() {
  CHECK(waiter_ == nullptr);
  while (children_ > 0) {
    asio::steady_timer none_left(io_, asio::steady_timer::time_point::max());
    waiter_ = &none_left;
    co_await none_left.async_wait(kAwait);
    waiter_ = nullptr;
  }
}

}  // namespace tidegate::net
