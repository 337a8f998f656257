// Child coroutines with an owner: none is lost, and none outlives what it works on.
//
// The owner spawns children, cancels them through the group's token when their results are no
// longer wanted, and waits until the last one has ended. One thread: that of the loop given.
#pragma once

#include <cstddef>

#include <boost/asio/steady_timer.hpp>

#include "net/async.h"
#include "net/cancel.h"

namespace tidegate::net {

class TaskGroup {
 public:
  explicit TaskGroup(asio::io_context& io) : io_(io) {}
  // REQUIRES: no child is left, or the loop has stopped for good.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task`; called on the loop's thread, it runs at once up to its first wait. After Close
  // nothing starts any more: the task is destroyed and false returned. A child that throws (memory
  // is exhausted, nothing else throws here) ends like one that returns.
  bool Spawn(Task<void> task);
  // Refuses further children.
  void Close() { closed_ = true; }
  // Close, and interrupt what the children wait for through `cancel()`.
  void Cancel(ErrorCode why = ErrorCode::kCancelled);
  // Returns when no child is left; does not close. One caller at a time.
  Task<void> Wait();

  // What children register their waits with. They learn it from their owner, as an argument.
  CancelToken& cancel() { return cancel_; }
  std::size_t size() const { return children_; }

 private:
  void Finished();

  asio::io_context& io_;
  std::size_t children_ = 0;
  bool closed_ = false;
  CancelToken cancel_;
  asio::steady_timer* waiter_ = nullptr;  // of the Wait in progress
};

}  // namespace tidegate::net
