// The few names of Asio that the rest of the program uses, and how its operations are awaited.
//
// Everything asynchronous is a coroutine Task<T> (task.h) on the io_context of one shard. Await
// Asio's operations with `kAwait`: it yields a tuple (error_code, …) and allocates nothing.
// Parameters of spawned coroutines are passed by value.
#pragma once

#include <exception>
#include <future>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include "net/task.h"

namespace tidegate::net {

namespace asio = boost::asio;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;

struct AwaitToken {};
inline constexpr AwaitToken kAwait;

// One operation of Asio, begun when it is awaited. `Start` begins it with the handler it is given.
template <typename Start, typename... Values>
class [[nodiscard]] OperationAwaiter {
 public:
  explicit OperationAwaiter(Start start) : start_(std::move(start)) {}

  void BelongTo(std::coroutine_handle<> root) { root_ = root; }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    awaiter_ = awaiter;
    std::move(start_)(Handler(*this));
  }
  std::tuple<Values...> await_resume() { return *std::move(values_); }

 private:
  // Called once with the result; or destroyed uncalled with a loop that has ended, and then nobody
  // will ever go on.
  class Handler {
   public:
    explicit Handler(OperationAwaiter& operation) : operation_(&operation) {}
    Handler(Handler&& other) noexcept : operation_(std::exchange(other.operation_, nullptr)) {}
    Handler& operator=(Handler&&) = delete;
    ~Handler() {
      if (operation_ != nullptr) operation_->root_.destroy();
    }
    template <typename... Given>
    void operator()(Given&&... values) {
      OperationAwaiter& operation = *std::exchange(operation_, nullptr);
      operation.values_.emplace(std::forward<Given>(values)...);
      operation.awaiter_.resume();
    }

   private:
    OperationAwaiter* operation_;
  };

  Start start_;
  std::coroutine_handle<> root_, awaiter_;
  std::optional<std::tuple<Values...>> values_;
};

template <typename Done>
RootCoroutine RunRoot(Task<void> task, Done done) {
  std::exception_ptr thrown;
  try {
    co_await std::move(task);
  } catch (...) {
    thrown = std::current_exception();
  }
  done(std::move(thrown));
}

template <typename T>
RootCoroutine RunPromised(Task<T> task, std::promise<T> promise) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      promise.set_value();
    } else {
      promise.set_value(co_await std::move(task));
    }
  } catch (...) {
    promise.set_exception(std::current_exception());
  }
}

// Runs `task` on the loop's thread: at once up to its first wait if this is that thread, else soon.
// Then calls `done(std::exception_ptr)` there; never, if the loop ends before.
template <typename Done>
void Spawn(asio::io_context& io, Task<void> task, Done done) {
  asio::dispatch(io, [task = std::move(task), done = std::move(done)]() mutable {
    RunRoot(std::move(task), std::move(done));
  });
}

// The same for a thread that waits for the result.
template <typename T>
std::future<T> SpawnFuture(asio::io_context& io, Task<T> task) {
  std::promise<T> promise;
  std::future<T> future = promise.get_future();
  asio::dispatch(io, [task = std::move(task), promise = std::move(promise)]() mutable {
    RunPromised(std::move(task), std::move(promise));
  });
  return future;
}

}  // namespace tidegate::net

template <typename... Values>
class boost::asio::async_result<tidegate::net::AwaitToken, void(Values...)> {
 public:
  template <typename Initiation, typename... Arguments>
  static auto initiate(Initiation&& initiation, tidegate::net::AwaitToken,
                       Arguments&&... arguments) {
    auto start = [begin = std::forward<Initiation>(initiation),
                  ... given = std::forward<Arguments>(arguments)](auto handler) mutable {
      std::move(begin)(std::move(handler), std::move(given)...);
    };
    return tidegate::net::OperationAwaiter<decltype(start), std::decay_t<Values>...>(
        std::move(start));
  }
};
