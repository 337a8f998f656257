#include "cli/progress.h"

#include <array>

#include "cli/display_text.h"

namespace tidegate::cli {
namespace {

constexpr std::array<std::string_view, 10> kFrames = {"⠋", "⠙", "⠹", "⠸", "⠼",
                                                      "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr std::string_view kClearLine = "\r\x1b[K";

}  // namespace

std::string_view SpinnerFrame(std::size_t frame) { return kFrames[frame % kFrames.size()]; }

std::string SpinnerLine(std::string_view label, std::int64_t elapsed_ms, std::size_t frame,
                        std::size_t columns, const Paint& paint) {
  std::string text = Printable(label);
  constexpr std::string_view kStep = "step ";
  if (text.starts_with(kStep) && text.find('/') != std::string::npos) {
    const std::size_t end = std::min(text.find(' ', kStep.size()), text.size());
    text = "[" + text.substr(kStep.size(), end - kStep.size()) + "]" + text.substr(end);
  }
  const std::string seconds = std::to_string(elapsed_ms / 1'000) + " s";
  const std::size_t fixed = 2 + 2 + seconds.size();  // the frame with its blank, two blanks
  const std::string shown = Cut(text, columns > fixed + 1 ? columns - fixed - 1 : 0);
  return paint(Ink::kAccent, SpinnerFrame(frame)) + " " + shown + "  " + paint(Ink::kDim, seconds);
}

Spinner::Spinner(Console& console, std::string label, std::chrono::milliseconds delay)
    : console_(console), label_(std::move(label)) {
  if (!console.err_terminal || console.environment.dumb) return;
  thread_ = std::thread([this, delay] { Draw(delay); });
}

void Spinner::SetLabel(std::string_view label) {
  const std::lock_guard lock(mutex_);
  label_ = label;
}

void Spinner::Draw(std::chrono::milliseconds delay) {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  if (changed_.wait_until(lock, begin + delay, [this] { return stopping_; })) return;
  std::size_t frame = 0;
  do {
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin);
    console_.err.Write(std::string(kClearLine) + SpinnerLine(label_, elapsed.count(), frame++,
                                                             console_.columns,
                                                             console_.ErrPaint()));
  } while (!changed_.wait_for(lock, kSpinnerPeriod, [this] { return stopping_; }));
  console_.err.Write(kClearLine);
}

void Spinner::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

}  // namespace tidegate::cli
