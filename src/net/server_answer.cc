#include "net/server_answer.h"

#include <ctime>

#include "base/ascii.h"
#include "net/limits.h"

namespace tidegate::net {

std::string_view DateField() {
  thread_local std::int64_t second = -1;
  thread_local char text[64];
  thread_local std::size_t size = 0;
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != second) {
    second = now.tv_sec;
    const time_t when = now.tv_sec;
    tm parts{};
    gmtime_r(&when, &parts);
    size = strftime(text, sizeof text, "date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  }
  return {text, size};
}

Error TimedOut(std::string message) {
  Error error{ErrorCode::kDeadlineExceeded, ErrorSource::kCaller, Retry::kNever,
              std::move(message)};
  error.reason = "request_timeout";
  return error;
}

Error ClientClosed() {
  return Error{ErrorCode::kCancelled, ErrorSource::kCaller, Retry::kNever,
               "the client closed the connection"};
}

Error BodyTooLarge(std::size_t size_max) {
  return Error{ErrorCode::kTooLarge, ErrorSource::kCaller, Retry::kNever,
               "the body of the request is larger than " + std::to_string(size_max) + " bytes"};
}

bool ComesTooSlowly(std::size_t got, std::int64_t spent, std::int64_t stall) {
  return spent > stall && static_cast<std::int64_t>(got) < spent / kSecond * kBodyBytesPerSecondMin;
}

Result<bool> ExpectsContinue(const HttpHead& head) {
  const auto expect = head.Find("expect");
  if (!expect || head.version_minor() == 0) return false;
  if (!EqualsIgnoreCase(*expect, "100-continue")) {
    return InvalidArgument("Expect", "the only expectation understood is 100-continue");
  }
  return true;
}

int RefusalStatus(const Error& error) {
  if (error.reason == "request_timeout") return 408;
  if (error.reason == "malformed_http" && error.code == ErrorCode::kTooLarge) return 431;
  return HttpStatus(error.code);
}

}  // namespace tidegate::net
