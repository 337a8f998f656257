#include "net/turn.h"

#include <boost/asio/post.hpp>

namespace tidegate::net {

template <typename Entry>
void Turn::Destroy(List<Entry>& entries) {
  while (!entries.empty()) {
    const std::coroutine_handle<> root = entries.front().root_;
    entries.pop_front();
    root.destroy();
  }
}

template <typename Entry>
void Turn::Resume(List<Entry> entries) {
  while (!entries.empty()) {
    const std::coroutine_handle<> awaiter = entries.front().awaiter_;
    entries.pop_front();
    awaiter.resume();
  }
}

Turn::~Turn() {
  for (List<TurnEntry>& stage : stages_) Destroy(stage);
  Destroy(waiting_);
  Destroy(written_);
}

void Turn::Add(TurnEntry& entry, Stage stage, std::coroutine_handle<> root,
               std::coroutine_handle<> awaiter) {
  entry.root_ = root;
  entry.awaiter_ = awaiter;
  stages_[static_cast<std::size_t>(stage)].push_back(entry);
  EndLater();
}

void Turn::Add(TurnWrite& write, std::coroutine_handle<> root, std::coroutine_handle<> awaiter) {
  write.root_ = root;
  write.awaiter_ = awaiter;
  waiting_.push_back(write);
  EndLater();
}

// Behind the events that the loop has in hand.
void Turn::EndLater() {
  if (end_posted_) return;
  end_posted_ = true;
  asio::post(io_, [this] { End(); });
}

void Turn::End() {
  const bool all = RunStages();
  end_posted_ = false;
  WriteAll();
  if (!all) EndLater();
}

// False where somebody waits for a stage that had been left already.
bool Turn::RunStages() {
  for (List<TurnEntry>& stage : stages_) {
    List<TurnEntry> now;
    now.swap(stage);
    Resume(std::move(now));
  }
  for (const List<TurnEntry>& stage : stages_) {
    if (!stage.empty()) return false;
  }
  return true;
}

void Turn::WriteAll() {
  List<TurnWrite> now;
  now.swap(waiting_);
  if (now.empty()) return;
  for (TurnWrite& write : now) write.WriteNow();
  // A coroutine that has written wants to read the answer. One that wrote alone goes on at once.
  // Many go on behind the events that the loop finds next: by then most answers are there, where a
  // read at once would have found nothing.
  const bool alone = ++now.begin() == now.end();
  if (!alone && written_.empty()) asio::post(io_, [this] { Resume(std::move(written_)); });
  if (alone) return Resume(std::move(now));
  written_.splice(written_.end(), now);
}

}  // namespace tidegate::net
