// Any bytes in any split: every byte comes out once, and the same events are read.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "protocols/sse/event.h"
#include "protocols/sse/splitter.h"

namespace tidegate::protocols::sse {
namespace {

struct Seen {
  std::string bytes;
  std::vector<std::pair<std::string, std::string>> events;
};

Seen Read(std::string_view bytes, std::size_t step, Framing framing) {
  Splitter splitter(framing);
  Seen seen;
  std::string joined;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::string_view from = bytes.substr(at, step);
    const std::vector<char> piece(from.begin(), from.end());
    std::vector<std::string_view> frames;
    CHECK(splitter.Feed({piece.data(), piece.size()}, frames).ok());
    for (const std::string_view frame : frames) {
      CHECK(!frame.empty() && (frame.back() == '\n' || frame.back() == '\r'));
      seen.bytes += frame;
      const Event event = ParseEvent(frame, joined);
      if (event.has_data) seen.events.emplace_back(event.name, event.data);
    }
  }
  seen.bytes += splitter.rest();
  return seen;
}

}  // namespace
}  // namespace tidegate::protocols::sse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate::protocols::sse;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Framing framing = (data[0] & 1U) != 0 ? Framing::kLines : Framing::kEventStream;
  const Seen whole = Read(bytes, bytes.size(), framing);
  const Seen split = Read(bytes, data[0] / 2U % 17U + 1, framing);
  CHECK(whole.bytes == bytes && split.bytes == bytes);
  CHECK(whole.events == split.events);
  return 0;
}
