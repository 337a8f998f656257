// Something to look at while one waits: a line on standard error, only on a terminal, only after a
// second, and gone without a trace afterwards.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "cli/console.h"

namespace tidegate::cli {

inline constexpr std::chrono::milliseconds kSpinnerDelay{1'000};
inline constexpr std::chrono::milliseconds kSpinnerPeriod{100};

// One of the signs that look like a turning wheel one after the other.
std::string_view SpinnerFrame(std::size_t frame);
// The line of a moment: "⠹ [2/6] fetching packages  12 s". `label` may begin with "step 2/6 ".
std::string SpinnerLine(std::string_view label, std::int64_t elapsed_ms, std::size_t frame,
                        std::size_t columns, const Paint& paint);

// Draws from a thread of its own from construction to Stop. While it runs nobody else may write to
// standard error, nor to a standard output that is the same terminal. Thread-compatible.
class Spinner {
 public:
  Spinner(Console& console, std::string label, std::chrono::milliseconds delay = kSpinnerDelay);
  ~Spinner() { Stop(); }
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;

  void SetLabel(std::string_view label);
  // Ends the drawing and clears the line. Idempotent.
  void Stop();

 private:
  void Draw(std::chrono::milliseconds delay);
  Console& console_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string label_;      // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;     // absent where standard error is no terminal
};

}  // namespace tidegate::cli
