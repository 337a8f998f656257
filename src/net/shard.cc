#include "net/shard.h"

#include <boost/asio/post.hpp>

namespace tidegate::net {

// The hint 1: one thread runs this loop, so that posting from it wakes nobody.
Shard::Shard(std::size_t index)
    : index_(index),
      io_(1),
      deadlines_(io_, kDeadlineScanInterval),
      gone_watches_(io_, kGoneWatchDelay),
      writes_(io_) {}

void Shard::Post(std::function<void()> work) { asio::post(io_, std::move(work)); }

ShardSet::ShardSet(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(i));
    guards_.push_back(asio::make_work_guard(shards_.back()->io()));
  }
  for (const auto& shard : shards_) {
    threads_.emplace_back([&io = shard->io()] { io.run(); });
  }
}

void ShardSet::Stop() {
  guards_.clear();
  for (const auto& shard : shards_) shard->io().stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

ShardSet::~ShardSet() { Stop(); }

}  // namespace tidegate::net
