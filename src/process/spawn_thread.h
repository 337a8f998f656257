// A thread to start children from when no other thread is sure to outlive them.
//
// The kernel ends a child with the *thread* that started it (see child.h). Event loops and workers
// come and go; this thread stays as long as its owner, and does nothing but start children and what
// has to happen just before.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace tidegate::process {

// Thread-safe. Its children are killed when it is destroyed.
class SpawnThread {
 public:
  SpawnThread();
  // Runs what was posted before, then ends the thread.
  ~SpawnThread();
  SpawnThread(const SpawnThread&) = delete;
  SpawnThread& operator=(const SpawnThread&) = delete;

  // Runs `work` on the thread, in order. `work` may block.
  void Post(std::function<void()> work);

 private:
  void Loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  bool ending_ = false;                      // guarded by mutex_
  std::thread thread_;
};

}  // namespace tidegate::process
