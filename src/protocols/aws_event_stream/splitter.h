// Cutting a byte stream into whole messages of application/vnd.amazon.eventstream, whatever pieces
// the network delivers it in.
//
// A frame is one message as it stood on the wire, so it can be passed on by itself or read by
// ParseMessage. Lengths are believed only after the checksum over them, and a frame comes out only
// after the checksum over all of it: behind a broken message nothing can be found again, and what
// might be a message is none. Every byte that goes in comes out, in order, in exactly one frame or
// in rest(), and the same bytes make the same frames in any split.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocols/aws_event_stream/limits.h"

namespace tidegate::protocols::aws_event_stream {

// A carry buffer that grew beyond this for one message is given back after it.
inline constexpr std::size_t kKeptCarryBytes = 16U << 10U;

// Not thread-safe. Copies only what a read leaves unfinished.
class Splitter {
 public:
  // Appends the messages that `bytes` complete. They view `bytes` or the carry buffer and live
  // until the next Feed. A wrong checksum, impossible lengths, a message over kMessageBytesMax:
  // kProtocol, as soon as it shows, behind the messages before it; the splitter is of no use then.
  Result<void> Feed(std::string_view bytes, std::vector<std::string_view>& frames);
  // What has come of a message that is not complete; for the end of the stream.
  std::string_view rest() const { return carry_; }

 private:
  Result<bool> TakeCarried(std::string_view& bytes);

  std::size_t carried_size_ = 0;  // of the unfinished message, once its prelude is there
  std::string carry_;             // the unfinished message
  std::string released_;  // the message that was completed in the carry buffer, until the next Feed
};

}  // namespace tidegate::protocols::aws_event_stream
