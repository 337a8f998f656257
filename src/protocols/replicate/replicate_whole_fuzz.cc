// Any body: what is made of it as the state of a job, as an answer and as an error.
#include "base/check.h"
#include "protocols/replicate/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols {
namespace {

void Run(std::string_view text) {
  const Protocol& codec = replicate::Codec();
  const PaddedText body(text);
  const Result<RelayState> state = codec.InspectWhole(body.view());
  const std::unique_ptr<ResponseDecoder> decoder = codec.NewDecoder(false);
  std::vector<core::Event> events;
  CHECK(decoder->Feed(body.view(), events).ok() && events.empty());
  CHECK(state.ok() == decoder->Finish(events).ok());
  const Error error = codec.DecodeError(400, text, -1);
  CHECK(error.source == ErrorSource::kUpstream && error.message.size() < 1500);
  for (const bool stream : {false, true}) {
    const Result<std::optional<JobStep>> next = codec.jobs()->Next(text, stream, 0);
    if (!next.ok() || !*next) continue;
    // Whatever it says, we ask for the job itself or where it said that it streams.
    CHECK((*next)->url.empty() != (*next)->path.empty());
    CHECK(stream || (*next)->path.starts_with("/predictions/"));
    CHECK(codec.jobs()->Cancel(text).has_value());
  }
}

}  // namespace
}  // namespace tidegate::protocols

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tidegate::protocols::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
