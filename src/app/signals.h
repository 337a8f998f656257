// Ending in order on SIGINT and SIGTERM.
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

#include "base/unique_fd.h"

namespace tidegate::app {

// Blocks both signals for this thread and all it will start, and ignores SIGPIPE. Call before any
// thread exists.
void BlockEndSignals();
// Waits for one of them. Returns its number.
int WaitForEndSignal();

// While it lives, the first SIGINT, SIGTERM or SIGHUP asks for a stop instead of ending the
// process; the second one ends it all the same. Made before the threads that shall not end by the
// first.
class StopOnSignal {
 public:
  StopOnSignal();
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void Watch();

  sigset_t before_{};
  UniqueFd signals_, ended_;
  std::stop_source stop_;
  std::thread watcher_;
};

}  // namespace tidegate::app
