// Any stream in any split: the same events, the same released bytes, and decoder and relay of one
// mind.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_chat/test_support.h"

namespace tidegate::protocols::openai_chat {
namespace {

void Run(std::string_view bytes, std::size_t step, bool hide_usage, bool finish) {
  const std::size_t all = std::max<std::size_t>(bytes.size(), 1);
  const std::vector<std::string> events =
      DecodeInPieces(*Codec().NewDecoder(true), bytes, all, finish);
  CHECK(DecodeInPieces(*Codec().NewDecoder(true), bytes, step, finish) == events);

  const Relayed whole = RelayInPieces(*Codec().NewStreamRelay(hide_usage), bytes, all, finish);
  const Relayed split = RelayInPieces(*Codec().NewStreamRelay(hide_usage), bytes, step, finish);
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
  // What was released can be relayed again, and says the same.
  const Relayed again = RelayInPieces(*Codec().NewStreamRelay(false), whole.bytes, all, false);
  CHECK(!again.failed && again.bytes == whole.bytes);
}

}  // namespace
}  // namespace tidegate::protocols::openai_chat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  tidegate::protocols::openai_chat::Run(bytes, data[0] % 61U + 1, (data[1] & 1U) != 0,
                                        (data[1] & 2U) != 0);
  return 0;
}
