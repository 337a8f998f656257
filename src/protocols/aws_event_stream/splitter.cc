#include "protocols/aws_event_stream/splitter.h"

#include <algorithm>

#include "protocols/aws_event_stream/crc32.h"
#include "protocols/aws_event_stream/wire.h"

namespace tidegate::protocols::aws_event_stream {
namespace {

// The length of the message that begins with this prelude.
Result<std::size_t> ReadPrelude(std::string_view bytes) {
  // The checksum first: what it does not cover is noise, and says nothing about a peer's limits.
  if (Crc32(bytes.substr(0, 8)) != ReadLength(bytes.substr(8))) {
    return BrokenFraming("the checksum of a message's lengths is wrong");
  }
  const std::size_t size = ReadLength(bytes);
  const std::size_t headers_size = ReadLength(bytes.substr(4));
  if (size > kMessageBytesMax) {
    return BrokenFraming("a message has more than " + std::to_string(kMessageBytesMax) + " bytes");
  }
  if (size < kOverheadBytes || headers_size > kHeadersBytesMax ||
      headers_size > size - kOverheadBytes) {
    return BrokenFraming("the lengths of a message contradict each other");
  }
  return size;
}

Result<void> CheckWhole(std::string_view frame) {
  const std::size_t checked = frame.size() - kChecksumBytes;
  if (Crc32(frame.substr(0, checked)) == ReadLength(frame.substr(checked))) return {};
  return BrokenFraming("the checksum of a message is wrong");
}

}  // namespace

// Goes on with the message in the carry buffer, taking no byte of the next one. true: it is whole.
Result<bool> Splitter::TakeCarried(std::string_view& bytes) {
  const auto take_up_to = [&](std::size_t size) {
    const std::string_view taken = bytes.substr(0, size - carry_.size());
    carry_ += taken;
    bytes.remove_prefix(taken.size());
    return carry_.size() == size;
  };
  if (carried_size_ == 0) {
    if (!take_up_to(kPreludeBytes)) return false;
    TIDEGATE_ASSIGN(carried_size_, ReadPrelude(carry_));
  }
  return take_up_to(carried_size_);
}

Result<void> Splitter::Feed(std::string_view bytes, std::vector<std::string_view>& frames) {
  if (released_.capacity() > kKeptCarryBytes) released_ = std::string();
  released_.clear();
  if (!carry_.empty()) {
    TIDEGATE_ASSIGN(const bool whole, TakeCarried(bytes));
    if (!whole) return {};
    TIDEGATE_TRY(CheckWhole(carry_));
    released_.swap(carry_);
    carried_size_ = 0;
    frames.push_back(released_);
  }
  while (bytes.size() >= kPreludeBytes) {
    TIDEGATE_ASSIGN(const std::size_t size, ReadPrelude(bytes));
    if (size > bytes.size()) {
      carried_size_ = size;
      break;
    }
    const std::string_view frame = bytes.substr(0, size);
    TIDEGATE_TRY(CheckWhole(frame));
    frames.push_back(frame);
    bytes.remove_prefix(size);
  }
  carry_ = bytes;
  return {};
}

}  // namespace tidegate::protocols::aws_event_stream
