// Any bytes in any split make the same frames and the same end, and what is read is written again
// byte for byte. Since no random bytes carry a checksum that holds, every second input gets its
// checksums set right first.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "protocols/aws_event_stream/crc32.h"
#include "protocols/aws_event_stream/message.h"
#include "protocols/aws_event_stream/splitter.h"
#include "protocols/aws_event_stream/wire.h"

namespace tidegate::protocols::aws_event_stream {
namespace {

struct Seen {
  std::vector<std::string> frames;
  std::string rest;
  bool ok = true;

  bool operator==(const Seen&) const = default;
};

// A frame of a Splitter whose headers can be read is written again as it was.
void CheckFrame(std::string_view frame) {
  std::vector<Header> headers;
  const Result<Message> message = ParseMessage(frame, headers);
  if (!message.ok()) {
    CHECK(message.error().code == ErrorCode::kProtocol);
    return;
  }
  CHECK(message->headers.size() <= kHeadersMax);
  std::string written;
  CHECK(AppendMessage(message->headers, message->payload, written).ok());
  CHECK(written == frame);
}

Seen Read(std::string_view bytes, std::size_t step) {
  Splitter splitter;
  Seen seen;
  for (std::size_t at = 0; at < bytes.size() && seen.ok; at += step) {
    const std::string_view from = bytes.substr(at, step);
    const std::vector<char> piece(from.begin(), from.end());
    std::vector<std::string_view> frames;
    const Result<void> result = splitter.Feed({piece.data(), piece.size()}, frames);
    seen.ok = result.ok();
    CHECK(seen.ok || result.error().code == ErrorCode::kProtocol);
    for (const std::string_view frame : frames) {
      CheckFrame(frame);
      seen.frames.emplace_back(frame);
    }
  }
  if (seen.ok) seen.rest = splitter.rest();
  return seen;
}

void SetNumber(std::string& bytes, std::size_t at, std::uint32_t number) {
  std::string wire;
  AppendNumber(wire, number, 4);
  bytes.replace(at, 4, wire);
}

// Makes messages of the bytes, of lengths as far as they fit, with checksums that hold.
std::string SetRight(std::string_view from) {
  std::string bytes(from);
  for (std::size_t at = 0; bytes.size() - at >= kOverheadBytes;) {
    const std::size_t left = bytes.size() - at;
    const auto size = static_cast<std::uint32_t>(
        std::max(kOverheadBytes, std::min<std::size_t>(left, ReadLength(from.substr(at)) % 1024)));
    SetNumber(bytes, at, size);
    const auto headers_size =
        static_cast<std::uint32_t>(ReadLength(from.substr(at + 4)) % (size - kOverheadBytes + 1));
    SetNumber(bytes, at + 4, headers_size);
    const std::string_view all = bytes;
    SetNumber(bytes, at + 8, Crc32(all.substr(at, 8)));
    SetNumber(bytes, at + size - 4, Crc32(std::string_view(bytes).substr(at, size - 4)));
    at += size;
  }
  return bytes;
}

void CheckAll(std::string_view bytes, std::size_t step) {
  const Seen whole = Read(bytes, std::max<std::size_t>(bytes.size(), 1));
  CHECK(whole == Read(bytes, step));
  if (!whole.ok) return;
  std::string joined;
  for (const std::string& frame : whole.frames) joined += frame;
  CHECK(joined + whole.rest == bytes);
}

}  // namespace
}  // namespace tidegate::protocols::aws_event_stream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate::protocols::aws_event_stream;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t step = data[0] / 2U % 37U + 1;
  CheckAll((data[0] & 1U) != 0 ? SetRight(bytes) : std::string(bytes), step);
  std::vector<Header> headers;
  (void)ParseMessage(bytes, headers);  // safe for bytes that no Splitter has seen, too
  return 0;
}
