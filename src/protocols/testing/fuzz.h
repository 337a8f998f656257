// What the fuzz targets of all protocols check of answers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "protocols/limits.h"
#include "protocols/protocol.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols {

// Any stream in any split: the same events, the same released bytes, and decoder and relay of one
// mind. The first two bytes choose the split, what is hidden, and whether the body ends.
inline void FuzzStream(const Protocol& codec, const std::uint8_t* data, std::size_t data_size) {
  if (data_size < 2) return;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), data_size - 2);
  const std::size_t step = data[0] % 61U + 1;
  const bool hide_usage = (data[1] & 1U) != 0;
  const bool finish = (data[1] & 2U) != 0;
  const std::size_t all = std::max<std::size_t>(bytes.size(), 1);
  const std::vector<std::string> events =
      DecodeInPieces(*codec.NewDecoder(true), bytes, all, finish);
  CHECK(DecodeInPieces(*codec.NewDecoder(true), bytes, step, finish) == events);

  const Relayed whole = RelayInPieces(*codec.NewStreamRelay(hide_usage), bytes, all, finish);
  const Relayed split = RelayInPieces(*codec.NewStreamRelay(hide_usage), bytes, step, finish);
  CHECK(split.bytes == whole.bytes);
  CHECK(split.failed == whole.failed && split.state.complete == whole.state.complete);
  CHECK(split.state.content_bytes == whole.state.content_bytes);
  CHECK(split.state.error.has_value() == whole.state.error.has_value());

  const bool done = std::find(events.begin(), events.end(), "done") != events.end();
  CHECK(done == whole.state.complete || whole.failed);
  const bool decoder_failed = !events.empty() && events.back().starts_with("fail");
  CHECK(!whole.failed || decoder_failed);
  const bool error = std::any_of(events.begin(), events.end(),
                                 [](const std::string& e) { return e.starts_with("error"); });
  CHECK(error == whole.state.error.has_value());
  CHECK(!(error && whole.state.complete));
  // What was released can be relayed again, and says the same: nothing waits for its end, but for
  // a last line of NDJSON that is blank.
  const Relayed again = RelayInPieces(*codec.NewStreamRelay(false), whole.bytes, all, false);
  CHECK(!again.failed && whole.bytes.starts_with(again.bytes));
  CHECK(whole.bytes.find_first_not_of('\r', again.bytes.size()) == std::string::npos);
}

// Any body: the inspector and the decoder agree, any text can be judged as an error answer, and
// what we write of it is what we would accept.
inline void FuzzWhole(const Protocol& codec, const std::uint8_t* data, std::size_t data_size) {
  if (data_size < 2) return;
  const std::string_view text(reinterpret_cast<const char*>(data + 2), data_size - 2);
  const int status = 100 + data[0] * 2 + (data[1] & 1);
  const PaddedText body(text);
  const Result<RelayState> state = codec.InspectWhole(body.view());
  const std::unique_ptr<ResponseDecoder> decoder = codec.NewDecoder(false);
  std::vector<core::Event> events;
  CHECK(decoder->Feed(body.view(), events).ok() && events.empty());
  const bool decoded = decoder->Finish(events).ok();
  CHECK(state.ok() == decoded);
  const Error error = codec.DecodeError(status, text, -1);
  CHECK(error.source == ErrorSource::kUpstream);
  CHECK(error.retry_after_s >= 0 && error.retry_after_s <= kRetryAfterSecondsMax);
  CHECK(error.code != ErrorCode::kUnauthenticated && error.code != ErrorCode::kPermissionDenied);
  CHECK(error.message.size() < 1500);
  if (!decoded) return;
  core::Request request;
  const std::unique_ptr<ResponseEncoder> encoder = codec.NewEncoder(request, RequestId{1, 2}, 3);
  std::string encoded;
  for (const core::Event& event : events) encoder->Encode(event, encoded);
  const bool done = std::holds_alternative<core::DoneEvent>(events.back());
  CHECK(done == state->complete && done != state->error.has_value());
  if (!done) {
    CHECK(encoded.empty());
    return;
  }
  // What we write is what we would accept, with the same content.
  const PaddedText written(encoded);
  const Result<RelayState> again = codec.InspectWhole(written.view());
  CHECK(again.ok() && again->complete);
  // Some protocols have to state a usage, known or not.
  CHECK(!state->usage ||
        (again->usage && again->usage->input_tokens == state->usage->input_tokens));
}

}  // namespace tidegate::protocols
