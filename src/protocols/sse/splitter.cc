#include "protocols/sse/splitter.h"

#include <algorithm>
#include <cstring>

namespace tidegate::protocols::sse {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

std::size_t Find(std::string_view bytes, char c, std::size_t from) {
  if (from >= bytes.size()) return bytes.size();
  const void* found = std::memchr(bytes.data() + from, c, bytes.size() - from);
  return found == nullptr
             ? bytes.size()
             : static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
}

Error FrameTooLarge() {
  return Error{
      ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget,
      "the upstream sent an event of more than " + std::to_string(kFrameBytesMax) + " bytes"};
}

}  // namespace

// The next LF and the next CR of one read. Each byte is looked at once for either, however many
// lines there are.
class Splitter::LineEnds {
 public:
  explicit LineEnds(std::string_view bytes)
      : bytes_(bytes), lf_(Find(bytes, '\n', 0)), cr_(Find(bytes, '\r', 0)) {}

  std::size_t NextLf(std::size_t from) {
    if (lf_ < from) lf_ = Find(bytes_, '\n', from);
    return lf_;
  }
  std::size_t Next(std::size_t from) {
    if (cr_ < from) cr_ = Find(bytes_, '\r', from);
    return std::min(NextLf(from), cr_);
  }

 private:
  std::string_view bytes_;
  std::size_t lf_, cr_;
};

std::size_t Splitter::EndOfFrame(std::string_view bytes, std::size_t from, LineEnds& ends) {
  if (framing_ == Framing::kEventStream) return EndOfEvent(bytes, from, ends);
  const std::size_t lf = ends.NextLf(from);
  return lf == bytes.size() ? kNone : lf + 1;
}

// The end of the first blank line. State between reads is only where in a line we are. A CR at the
// very end of a read ends its line at once, since waiting for an LF that may not come would hold a
// complete event back.
std::size_t Splitter::EndOfEvent(std::string_view bytes, std::size_t from, LineEnds& ends) {
  std::size_t at = from;
  while (at < bytes.size()) {
    const char c = bytes[at];
    if (line_start_ && c == '\n' && after_cr_) {  // the second half of a CRLF
      after_cr_ = false;
      ++at;
      if (carry_.empty() && at == from + 1)
        return at;  // of one that ended an event with the last read
      continue;
    }
    after_cr_ = false;
    if (line_start_ && c == '\n') return at + 1;
    if (line_start_ && c == '\r') {
      if (at + 1 < bytes.size()) return at + (bytes[at + 1] == '\n' ? 2 : 1);
      after_cr_ = true;
      return at + 1;
    }
    const std::size_t end = ends.Next(at);
    line_start_ = end < bytes.size();
    after_cr_ = line_start_ && bytes[end] == '\r';
    at = end + 1;
  }
  return kNone;
}

Result<void> Splitter::Feed(std::string_view bytes, std::vector<std::string_view>& frames) {
  if (released_.capacity() > kKeptCarryBytes) released_ = std::string();
  released_.clear();
  LineEnds ends(bytes);
  std::size_t begin = 0;
  while (begin < bytes.size()) {
    const std::size_t end = EndOfFrame(bytes, begin, ends);
    const std::string_view piece = bytes.substr(begin, end == kNone ? kNone : end - begin);
    if (carry_.size() + piece.size() > kFrameBytesMax) return FrameTooLarge();
    if (end == kNone) {
      carry_ += piece;
      return {};
    }
    if (carry_.empty()) {
      frames.push_back(piece);
    } else {
      carry_ += piece;
      released_.swap(carry_);
      frames.push_back(released_);
    }
    begin = end;
  }
  return {};
}

}  // namespace tidegate::protocols::sse
