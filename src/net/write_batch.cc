#include "net/write_batch.h"

#include <boost/asio/post.hpp>

namespace tidegate::net {

WriteBatch::~WriteBatch() {
  while (!waiting_.empty()) {
    const std::coroutine_handle<> root = waiting_.front().root_;
    waiting_.pop_front();
    root.destroy();
  }
}

void WriteBatch::Add(BatchedWrite& write, std::coroutine_handle<> root,
                     std::coroutine_handle<> awaiter) {
  write.root_ = root;
  write.awaiter_ = awaiter;
  // Behind the events that the loop has in hand.
  if (waiting_.empty()) asio::post(io_, [this] { Flush(); });
  waiting_.push_back(write);
}

void WriteBatch::Flush() {
  List now;
  now.swap(waiting_);
  for (BatchedWrite& write : now) write.WriteNow();
  while (!now.empty()) {
    const std::coroutine_handle<> awaiter = now.front().awaiter_;
    now.pop_front();
    awaiter.resume();
  }
}

}  // namespace tidegate::net
