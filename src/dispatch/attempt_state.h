// The state of one attempt and the steps that its ways to an answer share. Private to dispatch/.
#pragma once

#include <cstdint>
#include <string_view>

#include "dispatch/attempt.h"
#include "net/deadline.h"
#include "net/http_head.h"

namespace tidegate::dispatch {

struct Attempt {
  net::HttpClient& client;
  const AttemptInput& input;
  AnswerSink& sink;
  net::CancelToken& cancel;
  std::int64_t started;  // monotonic
  AttemptResult result;

  void SawContent() {
    if (result.ttft_nanos == 0) result.ttft_nanos = net::MonotonicNow() - started;
  }
};

// An error that the upstream or the network made, put into the words of the record.
void Fail(Attempt& attempt, Error error);

// The error that an answer with another status than 2xx is.
net::Task<void> ReadErrorAnswer(Attempt& attempt, net::ClientExchange& upstream,
                                const net::HttpHead& head);

// Decoded events, encoded again for the client: another protocol, or a stream collected into one
// body. The upstream's bytes are `whole`, all of them, or come from `upstream` where that is not
// null.
net::Task<void> Translate(Attempt& attempt, net::ClientExchange* upstream, std::string_view whole,
                          bool upstream_streams);

}  // namespace tidegate::dispatch
