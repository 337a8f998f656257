// One dispatch to one upstream: the only code that sends a request out.
//
// A stream is held (lifecycle frames and the first content, bounded), then committed to the client,
// then settled. While it is held a failure costs nothing: the caller tries the next target. After
// the commit an answer that breaks is an error, never silently another answer, and never complete.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "core/decision.h"
#include "core/request.h"
#include "core/usage.h"
#include "dispatch/answer_sink.h"
#include "dispatch/target.h"
#include "net/cancel.h"
#include "net/client.h"
#include "privacy/cleared.h"
#include "protocols/aws_sigv4/signing_keys.h"
#include "protocols/protocol.h"

namespace tidegate::dispatch {

// What signatures are made with, beside the target's secret: the time, and the shard's keys.
struct Signing {
  const Clock& clock;
  protocols::aws_sigv4::SigningKeys& keys;
};

// Work that is no chat: it is answered in one body, which is read here.
class BodyReader {
 public:
  struct Answer {
    std::optional<std::string> body = {};  // for the client; nothing = the upstream's own bytes
    std::optional<core::Usage> usage = {};
    std::int64_t requests = 1;  // how often the price of a request is due
  };
  virtual ~BodyReader() = default;
  // When the body had come, for protocols that tell how long things took.
  virtual void NoteTimes(const protocols::AnswerTimes&) {}
  // Errors: kProtocol, or what the body reports. REQUIRES: json::kPaddingBytes readable bytes
  // behind `body`.
  virtual Result<Answer> Read(std::string_view body) = 0;
};

struct AttemptInput {
  const core::Request& request;
  const protocols::Protocol& client;    // how the caller speaks
  const protocols::Protocol& upstream;  // how the target speaks
  const Target& target;
  RequestId id;
  std::int64_t created_s = 0;      // for answers that we make ourselves
  std::int64_t arrived_nanos = 0;  // of the request, monotonic; 0 = when the attempt began
  std::string_view path;           // below the target's base path
  std::string_view fields;         // header lines that the protocol wants
  std::string_view accept;         // the media type to ask for
  bool streaming = false;          // the upstream was asked for a stream
  bool hide_stream_usage = false;
  bool free =
      false;  // costs nothing, so it may be sent again when a pooled connection turns out dead
  const Signing* signing = nullptr;  // required where the target has a signer
  BodyReader* reader = nullptr;      // of the answer, when this is no chat
};

struct AttemptResult {
  core::AttemptOutcome outcome = core::AttemptOutcome::kNotSent;
  std::optional<Error> error;
  bool committed = false;            // bytes reached the client
  bool dispatched = false;           // bytes may have reached the upstream
  std::optional<core::Usage> usage;  // as the upstream said it
  std::int64_t requests = 1;         // how often the price of a request is due
  std::int64_t content_bytes = 0;    // of answer text seen, for an estimate when it did not
  int upstream_status = 0;
  std::string rate_limits;      // what the upstream says of them: header lines for the client
  std::int64_t ttft_nanos = 0;  // start to first content; 0 = none came
  std::int64_t total_nanos = 0;
  std::int64_t bytes_sent = 0, bytes_received = 0;
};

// Sends what was cleared and passes the answer to `sink`. Never throws; every way to end is in the
// result. `cancel` ends it within one turn of the event loop and closes the upstream connection.
net::Task<AttemptResult> RunAttempt(net::HttpClient& client, AttemptInput input,
                                    privacy::Cleared cleared, AnswerSink& sink,
                                    net::CancelToken& cancel);

}  // namespace tidegate::dispatch
