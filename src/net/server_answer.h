// What a server says in the same words in both versions of HTTP.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "net/http_head.h"

namespace tidegate::net {

// The Date field as a header line, formatted once a second per thread.
std::string_view DateField();

// The errors of clients that are too slow, gone, or send too much.
Error TimedOut(std::string message);
Error ClientClosed();
Error BodyTooLarge(std::size_t size_max);

// Whether a body of which `got` bytes have come in `spent` nanoseconds comes so slowly that it only
// holds us up. A pause of `stall` is nobody's fault.
bool ComesTooSlowly(std::size_t got, std::int64_t spent, std::int64_t stall);

// Whether the client waits for a "100 Continue". Error: it expects something else.
Result<bool> ExpectsContinue(const HttpHead& head);

// The status of a refusal, where HTTP itself may have a word for the error.
int RefusalStatus(const Error& error);

// An answer that never has a body, whatever its head says.
inline bool IsBodiless(int status) { return status == 204 || status == 304; }

inline void AppendNumber(std::string& out, std::size_t number, int base = 10) {
  char digits[24];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number, base).ptr;
  out.append(digits, end);
}

inline std::size_t TotalBytes(std::span<const std::string_view> pieces) {
  std::size_t total = 0;
  for (const std::string_view piece : pieces) total += piece.size();
  return total;
}

}  // namespace tidegate::net
