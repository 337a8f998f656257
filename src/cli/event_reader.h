// Reads text/event-stream as the gate sends it: the data of each event, whatever pieces the bytes
// arrive in.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::cli {

inline constexpr std::size_t kEventBytesMax = 4U << 20U;

// Sans I/O. Lines end in LF or CRLF; comments and fields other than `data` are skipped.
class EventReader {
 public:
  using Handler = std::function<Result<void>(std::string_view data)>;
  // Calls `handler` for each event that `bytes` complete and stops at its first error. Errors:
  // those of the handler; kProtocol for an event over kEventBytesMax.
  Result<void> Feed(std::string_view bytes, const Handler& handler);

 private:
  Result<void> Line(const Handler& handler);
  std::string line_;  // unfinished
  std::string data_;  // of the unfinished event
  bool has_data_ = false;
};

}  // namespace tidegate::cli
