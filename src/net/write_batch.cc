#include "net/write_batch.h"

#include <boost/asio/post.hpp>

namespace tidegate::net {

WriteBatch::~WriteBatch() {
  waiting_.splice(waiting_.end(), written_);
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
  // A coroutine that has written wants to read the answer. One that wrote alone goes on at once.
  // Many go on behind the events that the loop finds next: by then most answers are there, where a
  // read at once would have found nothing.
  const bool alone = ++now.begin() == now.end();
  if (!alone && written_.empty()) asio::post(io_, [this] { Resume(std::move(written_)); });
  if (alone) return Resume(std::move(now));
  written_.splice(written_.end(), now);
}

void WriteBatch::Resume(List written) {
  while (!written.empty()) {
    const std::coroutine_handle<> awaiter = written.front().awaiter_;
    written.pop_front();
    awaiter.resume();
  }
}

}  // namespace tidegate::net
