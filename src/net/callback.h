// Awaiting something that reports through a callback from any thread.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include "net/async.h"
#include "net/shard.h"

namespace tidegate::net {

// Calls `start` with a function that must be called exactly once, from any thread, with the result;
// resumes on `shard` with that result. If it is never called the coroutine waits for ever, so
// `start` owns that promise.
template <typename T>
Task<T> AwaitCallback(Shard& shard, std::function<void(std::function<void(T)>)> start) {
  using Box = std::shared_ptr<T>;
  auto initiate = [&shard, &start](auto handler) {
    auto kept = std::make_shared<decltype(handler)>(std::move(handler));
    start([&shard, kept](T value) {
      asio::post(shard.io(), [kept, box = std::make_shared<T>(std::move(value))]() mutable {
        std::move (*kept)(std::move(box));
      });
    });
  };
  auto [box] =
      co_await asio::async_initiate<const AwaitToken, void(Box)>(std::move(initiate), kAwait);
  co_return std::move(*box);
}

}  // namespace tidegate::net
