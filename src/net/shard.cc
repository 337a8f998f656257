#include "net/shard.h"

#include <boost/asio/post.hpp>

namespace tidegate::net {

// The hint: one thread runs this loop, so that posting from it wakes nobody, and nobody else
// touches its sockets; other threads may post.
Shard::Shard(std::size_t index)
    : index_(index),
      io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      deadlines_(io_, kDeadlineScanInterval),
      gone_watches_(io_, kGoneWatchDelay),
      turn_(io_) {}

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
