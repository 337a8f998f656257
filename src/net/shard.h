// One thread, one event loop. A request lives and dies on its shard, so nothing it touches needs a
// lock.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "net/async.h"
#include "net/deadline.h"
#include "net/limits.h"
#include "net/turn.h"

namespace tidegate::net {

class Shard {
 public:
  explicit Shard(std::size_t index);
  std::size_t index() const { return index_; }
  asio::io_context& io() { return io_; }
  DeadlineList& deadlines() { return deadlines_; }        // late by up to kDeadlineScanInterval
  DeadlineList& gone_watches() { return gone_watches_; }  // late by up to kGoneWatchDelay
  Turn& turn() { return turn_; }
  // Runs `work` on the shard's thread. Thread-safe.
  void Post(std::function<void()> work);

 private:
  friend class ShardSet;
  std::size_t index_;
  asio::io_context io_;
  DeadlineList deadlines_;
  DeadlineList gone_watches_;
  Turn turn_;
};

// Starts `count` shards at construction, joins them at destruction after the work that keeps them
// busy has ended.
class ShardSet {
 public:
  explicit ShardSet(std::size_t count);
  ~ShardSet();
  ShardSet(const ShardSet&) = delete;
  ShardSet& operator=(const ShardSet&) = delete;
  std::size_t size() const { return shards_.size(); }
  Shard& operator[](std::size_t i) { return *shards_[i]; }
  // Stops the loops; pending coroutines are destroyed with them, unfinished. Servers, clients and
  // task groups are drained first. Idempotent.
  void Stop();
  bool running() const { return !threads_.empty(); }

 private:
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<asio::executor_work_guard<Executor>> guards_;
  std::vector<std::thread> threads_;
};

}  // namespace tidegate::net
