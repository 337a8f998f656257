// Talking to a gate from a program that has nothing else to do: blocking calls over net/, ended by
// Ctrl-C.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "net/address.h"

namespace tidegate::cli {

inline constexpr std::size_t kAnswerBytesMax = 16U << 20U;
inline constexpr std::int64_t kReplyTimeoutNanos = 30'000'000'000;        // of a small answer
inline constexpr std::int64_t kStreamStallNanos = 15LL * 60'000'000'000;  // loading a large model

// The stable `reason` of the error that says nobody listens there.
inline constexpr std::string_view kReasonNoGate = "no_gate";

// What the head of an answer says of the request.
struct AnswerHead {
  std::string content_type;
  std::string decision, place, model;  // tidegate-decision, -place, -model; empty when not said
};

struct StreamHandlers {
  std::function<void(const AnswerHead&)> on_head;                // once, before the first bytes
  std::function<Result<void>(std::string_view bytes)> on_bytes;  // an error ends the answer
};

// What an upload sends: `size` bytes in pieces.
struct UploadBody {
  std::int64_t size = 0;
  // The next piece, until the next call; fewer than `size` bytes in all is an error of the source.
  std::function<Result<std::string_view>()> next;
};

// One thread. While a call runs, Ctrl-C closes the connection, which makes the gate stop the work;
// a second one ends the program. Errors of every call: kUnavailable with reason kReasonNoGate when
// nobody listens; kCancelled after Ctrl-C; kProtocol, kDeadlineExceeded; and what the gate itself
// answers, in its own words, whichever of its protocols they come in, with `upstream_status`.
class GateClient {
 public:
  // `at.path` stands before every path.
  GateClient(net::Url at, Secret key);
  ~GateClient();
  GateClient(const GateClient&) = delete;
  GateClient& operator=(const GateClient&) = delete;

  // The body of a successful answer.
  Result<std::string> Get(std::string path);
  // Sends JSON; `stall_nanos`: how long the gate may be silent.
  Result<std::string> Post(std::string path, std::string body,
                           std::int64_t stall_nanos = kReplyTimeoutNanos);
  Result<std::string> Delete(std::string path, std::string body);
  // HEAD: whether there is such a thing, as 200 and 404 say.
  Result<bool> Exists(std::string path);
  // POSTs bytes that are no JSON.
  Result<void> Upload(std::string path, const UploadBody& body);
  // POSTs JSON and hands on the answer as it arrives.
  Result<void> Stream(std::string path, std::string body, const StreamHandlers& handlers);

  const net::Url& at() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What --host and TIDEGATE_HOST may hold: "host", "host:port", a URL, or "unix:/socket".
Result<net::Url> ParseHost(std::string_view text);

// The error that a gate put into an answer with this status: {"error":{"code","message","field"}}
// or the shape of a protocol of its clients, {"error":"text"} among them.
Error ErrorOfAnswer(int status, std::string_view body);

}  // namespace tidegate::cli
