// Cutting a byte stream into whole frames, whatever pieces the network delivers it in.
//
// A frame is what may be passed on by itself: an event of text/event-stream with the blank line
// that ends it (WHATWG HTML, section 9.2.5; lines end in LF, CR or CRLF), or a line of NDJSON.
// Every byte that goes in comes out, in order, in exactly one frame or in rest(), and the same
// bytes make the same frames in any split (but for the LF of a CRLF that the network tears apart:
// it opens the next frame).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::protocols::sse {

inline constexpr std::size_t kFrameBytesMax = 1U << 20U;
// A carry buffer that grew beyond this for one frame is given back after it.
inline constexpr std::size_t kKeptCarryBytes = 16U << 10U;

enum class Framing : std::uint8_t { kEventStream, kLines };

// Not thread-safe. Copies only what a read leaves unfinished.
class Splitter {
 public:
  explicit Splitter(Framing framing) : framing_(framing) {}

  // Appends the frames that `bytes` complete, each with its end mark. They view `bytes` or the
  // carry buffer and live until the next Feed. A frame over kFrameBytesMax: kProtocol, behind the
  // frames before it; the splitter is of no use then.
  Result<void> Feed(std::string_view bytes, std::vector<std::string_view>& frames);
  // What has come of a frame that is not complete; for the end of the stream.
  std::string_view rest() const { return carry_; }

 private:
  class LineEnds;
  std::size_t EndOfFrame(std::string_view bytes, std::size_t from, LineEnds& ends);
  std::size_t EndOfEvent(std::string_view bytes, std::size_t from, LineEnds& ends);

  Framing framing_;
  bool line_start_ = true;  // the next byte begins a line
  bool after_cr_ = false;   // the last byte was a CR that ended a line: an LF now belongs to it
  std::string carry_;       // the unfinished frame
  std::string released_;    // the frame that was completed in the carry buffer, until the next Feed
};

}  // namespace tidegate::protocols::sse
