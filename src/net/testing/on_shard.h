// Work on a shard, waited for by a test's thread. Not part of the program.
#pragma once

#include <future>
#include <optional>
#include <utility>

#include "net/async.h"
#include "net/shard.h"

namespace tidegate::net::testing {

template <typename Work>
void OnShard(Shard& shard, Work work) {
  std::promise<void> done;
  shard.Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

template <typename T>
Task<void> StoreResult(Task<T> task, std::optional<T>* out) {
  out->emplace(co_await std::move(task));
}

template <typename T>
T RunOnShard(Shard& shard, Task<T> task) {
  std::optional<T> out;
  SpawnFuture(shard.io(), StoreResult(std::move(task), &out)).get();
  return *std::move(out);
}

}  // namespace tidegate::net::testing
