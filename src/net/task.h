// The coroutine of everything asynchronous.
//
// A request goes through about twenty coroutines, most of which never have to wait. Asio's own
// awaitable costs each of them an aligned allocation and a few dozen branches; this one takes its
// frame from a list of free ones and runs on into the callee as a function call does. A Task starts
// when it is awaited, on the awaiting thread, and whoever awaits it goes on without being suspended
// at all if it never waited.
//
// A Task and everything below it belongs to one thread: that of the loop it was spawned on. When
// that loop is destroyed while the coroutines wait, they are destroyed from the outermost inwards,
// unfinished.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace tidegate::net {

// Memory for coroutine frames, recycled per thread.
void* AllocateFrame(std::size_t size);
void FreeFrame(void* frame, std::size_t size) noexcept;

template <typename T>
class TaskAwaiter;
template <typename T>
class Task;

// What the promises of all coroutines have.
class PromiseBase {
 public:
  static void* operator new(std::size_t size) { return AllocateFrame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { FreeFrame(frame, size); }

  // Passes the outermost coroutine on to what is awaited: if its wait can never end, that is what
  // must be destroyed.
  template <typename T>
  TaskAwaiter<T> await_transform(Task<T>&& task) {
    return TaskAwaiter<T>(std::move(task), root_);
  }
  template <typename Operation>
  Operation&& await_transform(Operation&& operation) {
    operation.BelongTo(root_);
    return std::forward<Operation>(operation);
  }

 protected:
  std::coroutine_handle<> root_;
};

class TaskPromise : public PromiseBase {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  // Its awaiter, if it was suspended, goes on inside this call. Not a symmetric transfer: g++ 12
  // makes those calls grow the stack when it does not optimise, and here nothing nests deeper than
  // the coroutines themselves do.
  auto final_suspend() const noexcept {
    struct Resume {
      std::coroutine_handle<> awaiter;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<>) const noexcept {
        if (awaiter) awaiter.resume();
      }
      void await_resume() const noexcept {}
    };
    return Resume{awaiter_};
  }
  [[gnu::cold]] void unhandled_exception() noexcept { thrown_ = std::current_exception(); }

 protected:
  template <typename T>
  friend class TaskAwaiter;
  std::coroutine_handle<> awaiter_;  // once it has to wait for this one
  std::exception_ptr thrown_;
};

template <typename T>
class PromiseOf final : public TaskPromise {
 public:
  Task<T> get_return_object();
  template <typename Value>
  void return_value(Value&& value) {
    value_.emplace(std::forward<Value>(value));
  }
  T Take() { return *std::move(value_); }

 private:
  std::optional<T> value_;
};

template <>
class PromiseOf<void> final : public TaskPromise {
 public:
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void Take() const noexcept {}
};

// Owns its coroutine. Move-only; awaited at most once, as `co_await std::move(task)` or where it is
// made.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = PromiseOf<T>;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

 private:
  friend class PromiseOf<T>;
  friend class TaskAwaiter<T>;
  using Handle = std::coroutine_handle<promise_type>;
  explicit Task(Handle handle) : handle_(handle) {}
  Handle handle_;
};

template <typename T>
Task<T> PromiseOf<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<PromiseOf>::from_promise(*this));
}
inline Task<void> PromiseOf<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<PromiseOf>::from_promise(*this));
}

template <typename T>
class TaskAwaiter {
 public:
  TaskAwaiter(Task<T>&& task, std::coroutine_handle<> root) : task_(std::move(task)) {
    CHECK(task_.handle_);
    task_.handle_.promise().root_ = root;
  }
  bool await_ready() const {
    task_.handle_.resume();
    return task_.handle_.done();
  }
  void await_suspend(std::coroutine_handle<> awaiter) const noexcept {
    task_.handle_.promise().awaiter_ = awaiter;
  }
  T await_resume() const {
    PromiseOf<T>& promise = task_.handle_.promise();
    if (promise.thrown_) [[unlikely]]
      std::rethrow_exception(promise.thrown_);
    return promise.Take();
  }

 private:
  Task<T> task_;
};

// The outermost coroutine; owns itself.
class RootCoroutine {
 public:
  class promise_type final : public PromiseBase {
   public:
    RootCoroutine get_return_object() {
      root_ = std::coroutine_handle<promise_type>::from_promise(*this);
      return {};
    }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

}  // namespace tidegate::net
