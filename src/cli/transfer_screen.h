// The progress of a transfer on standard error: at a terminal rows that move, elsewhere one line
// for each file and step when it is done.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "cli/console.h"
#include "cli/transfer_progress.h"

namespace tidegate::cli {

// While it lives nobody else may write to standard error, nor to a standard output that is the same
// terminal. Thread-compatible.
class TransferScreen {
 public:
  explicit TransferScreen(Console& console);
  ~TransferScreen() { End(false); }
  TransferScreen(const TransferScreen&) = delete;
  TransferScreen& operator=(const TransferScreen&) = delete;

  void Take(const TransferStatus& status);
  // Draws for the last time and leaves what there is. Idempotent.
  void End(bool done);

 private:
  void Loop();
  std::string Frame();  // REQUIRES: mutex_ is held
  Console& console_;
  const bool moving_;
  std::mutex mutex_;
  std::condition_variable changed_;
  TransferProgress progress_;   // guarded by mutex_
  std::size_t rows_drawn_ = 0;  // that the next frame writes over; guarded by mutex_
  std::size_t frame_ = 0;       // guarded by mutex_
  bool ended_ = false;          // guarded by mutex_
  std::thread thread_;          // absent where standard error is no terminal
};

}  // namespace tidegate::cli
