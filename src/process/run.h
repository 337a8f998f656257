// Runs a program to its end and gives back what it printed: for short questions ("--version") and
// long, chatty steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "process/child.h"

namespace tidegate::process {

// SIGTERM to SIGKILL after a time-out.
inline constexpr std::int64_t kRunStopGraceNanos = 2'000'000'000;
inline constexpr std::size_t kRunLineBytesMax = 16 * 1024;  // a longer line comes in pieces

struct RunLimits {
  std::int64_t timeout_nanos = 0;
  std::size_t output_bytes_max = 0;  // the last so many are kept
};

struct RunResult {
  ExitStatus status;
  std::string output;  // standard output and error as they came
  bool output_dropped = false;
};

// Called for every line of output as it comes, without its end of line.
using LineSink = std::function<void(std::string_view line)>;

// Blocks the calling thread; `stop` ends the program early. A descendant that keeps the pipe open
// does not keep this waiting once the program has ended: the whole group ends with it. Errors:
// those of Spawn; kDeadlineExceeded (the program was stopped), kCancelled (so it was, since
// somebody asked for it).
Result<RunResult> RunProgram(const SpawnOptions& options, const RunLimits& limits,
                             const LineSink& on_line = nullptr, const std::stop_token& stop = {});

}  // namespace tidegate::process
