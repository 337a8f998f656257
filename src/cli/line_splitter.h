// Splits an answer of newline-delimited JSON into its lines, whatever pieces the bytes arrive in.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::cli {

inline constexpr std::size_t kAnswerLineBytesMax = 4U << 20U;

// Sans I/O. Lines end in LF or CRLF; blank ones are skipped.
class LineSplitter {
 public:
  using Handler = std::function<Result<void>(std::string_view line)>;
  // Calls `handler` for each line that `bytes` complete and stops at its first error. Errors: those
  // of the handler; kProtocol for a line over kAnswerLineBytesMax.
  Result<void> Feed(std::string_view bytes, const Handler& handler);
  // The answer is at its end: what stands behind the last line break is a line too.
  Result<void> Finish(const Handler& handler);

 private:
  std::string line_;  // unfinished
};

}  // namespace tidegate::cli
