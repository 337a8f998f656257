#include "cli/transfer_screen.h"

#include "base/clock.h"
#include "cli/progress.h"

namespace tidegate::cli {

TransferScreen::TransferScreen(Console& console)
    : console_(console), moving_(console.err_terminal && !console.environment.dumb) {
  if (moving_) thread_ = std::thread([this] { Loop(); });
}

std::string TransferScreen::Frame() {
  const std::size_t columns = moving_ ? console_.columns - 1 : 0;
  std::string out;
  if (rows_drawn_ > 0) out += "\r\x1b[" + std::to_string(rows_drawn_) + "A\x1b[J";
  for (const std::string& row : progress_.TakeFinished(columns)) out += row + "\n";
  rows_drawn_ = 0;
  if (!moving_) return out;
  for (const std::string& row : progress_.Live(columns, frame_++, console_.ErrPaint())) {
    out += row + "\n";
    ++rows_drawn_;
  }
  return out;
}

void TransferScreen::Loop() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    console_.err.Write(Frame());
    changed_.wait_for(lock, kSpinnerPeriod, [this] { return ended_; });
  }
}

void TransferScreen::Take(const TransferStatus& status) {
  const std::lock_guard lock(mutex_);
  progress_.Take(status, SystemClock().MonotonicNanos());
  if (!moving_) console_.err.Write(Frame());
}

void TransferScreen::End(bool done) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    progress_.End(done);
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  console_.err.Write(Frame());
}

}  // namespace tidegate::cli
