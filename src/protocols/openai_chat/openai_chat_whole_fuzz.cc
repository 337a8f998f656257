// Any body: the inspector and the decoder agree, and any text can be judged as an error answer.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_chat/test_support.h"

namespace tidegate::protocols::openai_chat {
namespace {

void Run(std::string_view text, int status) {
  const PaddedText body(text);
  const Result<RelayState> state = Codec().InspectWhole(body.view());
  const std::unique_ptr<ResponseDecoder> decoder = Codec().NewDecoder(false);
  std::vector<core::Event> events;
  CHECK(decoder->Feed(body.view(), events).ok() && events.empty());
  const bool decoded = decoder->Finish(events).ok();
  CHECK(state.ok() == decoded);
  const Error error = Codec().DecodeError(status, text, -1);
  CHECK(error.source == ErrorSource::kUpstream && error.retry_after_s == 0);
  CHECK(error.code != ErrorCode::kUnauthenticated && error.code != ErrorCode::kPermissionDenied);
  CHECK(error.message.size() < 1500);
  if (!decoded) return;
  core::Request request;
  const std::unique_ptr<ResponseEncoder> encoder = Codec().NewEncoder(request, RequestId{1, 2}, 3);
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
  const Result<RelayState> again = Codec().InspectWhole(written.view());
  CHECK(again.ok() && again->complete);
  CHECK(again->content_bytes == state->content_bytes);
  CHECK(again->usage.has_value() == state->usage.has_value());
  CHECK(!state->usage || again->usage->input_tokens == state->usage->input_tokens);
}

}  // namespace
}  // namespace tidegate::protocols::openai_chat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const int status = 100 + data[0] * 2 + (data[1] & 1);
  tidegate::protocols::openai_chat::Run({reinterpret_cast<const char*>(data + 2), size - 2},
                                        status);
  return 0;
}
