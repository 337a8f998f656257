#include "process/run.h"

#include <algorithm>
#include <cerrno>
#include <poll.h>

#include "base/check.h"
#include "base/clock.h"
#include "process/output_tail.h"

namespace tidegate::process {
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
// As much as a pipe can hold; a flood must not hide the time-out.
constexpr int kReadsPerTurnMax = 64;

// Cuts a stream of bytes into lines.
class Lines {
 public:
  explicit Lines(const LineSink& sink) : sink_(sink) {}

  void Append(std::string_view bytes) {
    if (!sink_) return;
    for (const char c : bytes) {
      if (c != '\n') line_ += c;
      if (c == '\n' || line_.size() >= kRunLineBytesMax) Flush();
    }
  }
  void Finish() {
    if (!line_.empty()) Flush();
  }

 private:
  void Flush() {
    sink_(line_);
    line_.clear();
  }
  const LineSink& sink_;
  std::string line_;
};

enum class ReadEnd { kEmpty, kClosed };

// Takes what waits in the pipe.
ReadEnd ReadAvailable(int fd, OutputTail& tail, Lines& lines) {
  char buffer[kReadBytes];
  for (int reads = 0; reads < kReadsPerTurnMax; ++reads) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got > 0) {
      const std::string_view bytes(buffer, static_cast<std::size_t>(got));
      tail.Append(bytes);
      lines.Append(bytes);
    } else if (got == 0) {
      return ReadEnd::kClosed;
    } else if (errno != EINTR) {
      return errno == EAGAIN ? ReadEnd::kEmpty : ReadEnd::kClosed;
    }
  }
  return ReadEnd::kEmpty;
}

// How long nobody looks whether the program shall be stopped.
constexpr std::int64_t kStopLookNanos = 100'000'000;

// Waits for output, the end of the program or the time, but not for long where it can be stopped.
// False = the time is up.
bool WaitForNews(const Child& child, bool output_open, std::int64_t due, bool stoppable) {
  std::int64_t nanos = due - SystemClock().MonotonicNanos();
  if (nanos <= 0) return false;
  if (stoppable) nanos = std::min(nanos, kStopLookNanos);
  pollfd wanted[2] = {{child.pidfd(), POLLIN, 0},
                      {output_open ? child.output_fd() : -1, POLLIN, 0}};
  const timespec left{nanos / 1'000'000'000, nanos % 1'000'000'000};
  const int ready = ppoll(wanted, 2, &left, nullptr);
  CHECK(ready >= 0 || errno == EINTR);
  return ready != 0 || stoppable;
}

}  // namespace

Result<RunResult> RunProgram(const SpawnOptions& options, const RunLimits& limits,
                             const LineSink& on_line, const std::stop_token& stop) {
  const std::int64_t due = SystemClock().MonotonicNanos() + limits.timeout_nanos;
  TIDEGATE_ASSIGN(Child child, Spawn(options));
  OutputTail tail(limits.output_bytes_max);
  Lines lines(on_line);
  bool output_open = true;
  std::optional<ExitStatus> status;
  while (!status) {
    if (stop.stop_requested()) {
      child.Stop(kRunStopGraceNanos);
      return Error{ErrorCode::kCancelled, ErrorSource::kCaller, Retry::kNever,
                   options.argv[0] + " was stopped"};
    }
    if (!WaitForNews(child, output_open, due, stop.stop_possible())) {
      child.Stop(kRunStopGraceNanos);
      return Error{ErrorCode::kDeadlineExceeded, ErrorSource::kGateway, Retry::kSameTarget,
                   options.argv[0] + " did not finish within " +
                       std::to_string(limits.timeout_nanos / 1'000'000) + " ms and was stopped"};
    }
    status = child.Poll();  // before the last read, so that nothing it printed is missed
    if (output_open) {
      output_open = ReadAvailable(child.output_fd(), tail, lines) == ReadEnd::kEmpty;
    }
  }
  lines.Finish();
  return RunResult{*status, tail.Text(), tail.dropped()};
}

}  // namespace tidegate::process
