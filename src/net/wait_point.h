// Where one coroutine waits until another one of its thread wakes it: no timer, no queue, no system
// call.
#pragma once

#include <coroutine>
#include <utility>

#include "base/check.h"

namespace tidegate::net {

class WaitPoint {
 public:
  class Awaiter;

  WaitPoint() = default;
  WaitPoint(const WaitPoint&) = delete;
  WaitPoint& operator=(const WaitPoint&) = delete;
  // REQUIRES: nobody waits.
  ~WaitPoint() { CHECK(waiter_ == nullptr); }

  bool waiting() const { return waiter_ != nullptr; }
  // co_await Wait() returns when Wake is called. One waiter at a time; a Wake before it is lost, so
  // ask first whether what is waited for is there already.
  Awaiter Wait();
  // Whoever waits goes on inside this call, which may end the WaitPoint's own owner.
  void Wake();
  // For an owner whose loop has ended, so that nobody will ever call Wake: destroys the waiting
  // coroutine with all that await it.
  void Abandon();

 private:
  Awaiter* waiter_ = nullptr;
};

class [[nodiscard]] WaitPoint::Awaiter {
 public:
  explicit Awaiter(WaitPoint& point) : point_(point) {}
  Awaiter(const Awaiter&) = default;  // g++ 12 copies it into the frame before it waits
  Awaiter& operator=(const Awaiter&) = delete;
  ~Awaiter() {  // also that of a coroutine that is destroyed while it waits
    if (point_.waiter_ == this) point_.waiter_ = nullptr;
  }

  void BelongTo(std::coroutine_handle<> root) { root_ = root; }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    CHECK(point_.waiter_ == nullptr);
    awaiter_ = awaiter;
    point_.waiter_ = this;
  }
  void await_resume() const noexcept {}

 private:
  friend class WaitPoint;
  WaitPoint& point_;
  std::coroutine_handle<> root_, awaiter_;
};

inline WaitPoint::Awaiter WaitPoint::Wait() { return Awaiter(*this); }

inline void WaitPoint::Wake() {
  if (waiter_ != nullptr) std::exchange(waiter_, nullptr)->awaiter_.resume();
}

inline void WaitPoint::Abandon() {
  if (waiter_ != nullptr) std::exchange(waiter_, nullptr)->root_.destroy();
}

}  // namespace tidegate::net
