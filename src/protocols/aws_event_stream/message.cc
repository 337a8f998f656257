#include "protocols/aws_event_stream/message.h"

#include <algorithm>

#include "protocols/aws_event_stream/crc32.h"
#include "protocols/aws_event_stream/wire.h"

namespace tidegate::protocols::aws_event_stream {
namespace {

// Bytes that a value of this type takes, or the bytes that state its length for the two types of
// any length.
std::size_t FixedSize(HeaderType type) {
  switch (type) {
    case HeaderType::kTrue:
    case HeaderType::kFalse:
      return 0;
    case HeaderType::kByte:
      return 1;
    case HeaderType::kShort:
    case HeaderType::kBytes:
    case HeaderType::kString:
      return 2;
    case HeaderType::kInteger:
      return 4;
    case HeaderType::kLong:
    case HeaderType::kTimestamp:
      return 8;
    case HeaderType::kUuid:
      return kUuidBytes;
  }
  return 0;
}

bool HasLength(HeaderType type) {
  return type == HeaderType::kBytes || type == HeaderType::kString;
}

bool HasNumber(HeaderType type) {
  return (type >= HeaderType::kByte && type <= HeaderType::kLong) || type == HeaderType::kTimestamp;
}

// Two's complement of `size` bytes.
std::int64_t SignExtend(std::uint64_t number, std::size_t size) {
  const std::size_t unused = 64 - 8 * size;
  return static_cast<std::int64_t>(number << unused) >> unused;
}

bool IsAmong(std::span<const Header> headers, std::string_view name) {
  return std::ranges::any_of(headers, [&](const Header& each) { return each.name == name; });
}

// Takes bytes off the front of what is left of the headers.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : left_(bytes) {}
  bool empty() const { return left_.empty(); }
  Result<std::string_view> Take(std::size_t size) {
    if (size > left_.size()) return BrokenFraming("a header is cut off");
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

 private:
  std::string_view left_;
};

Result<Header> TakeHeader(Cursor& cursor) {
  Header header;
  TIDEGATE_ASSIGN(const std::string_view name_size, cursor.Take(1));
  TIDEGATE_ASSIGN(header.name, cursor.Take(ReadNumber(name_size, 1)));
  if (header.name.empty()) return BrokenFraming("a header has no name");
  TIDEGATE_ASSIGN(const std::string_view type, cursor.Take(1));
  if (ReadNumber(type, 1) > static_cast<std::uint64_t>(HeaderType::kUuid)) {
    return BrokenFraming("a header has a type that does not exist");
  }
  header.type = static_cast<HeaderType>(ReadNumber(type, 1));
  const std::size_t size = FixedSize(header.type);
  TIDEGATE_ASSIGN(const std::string_view value, cursor.Take(size));
  if (HasLength(header.type)) {
    const std::uint64_t length = ReadNumber(value, size);
    if (length > kHeaderValueBytesMax) return BrokenFraming("the value of a header is too long");
    TIDEGATE_ASSIGN(header.bytes, cursor.Take(length));
  } else if (HasNumber(header.type)) {
    header.number = SignExtend(ReadNumber(value, size), size);
  } else {
    header.bytes = value;  // empty for kTrue and kFalse
  }
  return header;
}

// What is wrong with a header of ours, or nothing.
std::string_view Fault(const Header& header) {
  if (header.name.empty() || header.name.size() > kHeaderNameBytesMax) return "its name's length";
  if (HasLength(header.type) && header.bytes.size() > kHeaderValueBytesMax) return "its length";
  if (header.type == HeaderType::kUuid && header.bytes.size() != kUuidBytes) return "its length";
  if (!HasNumber(header.type)) return {};
  const std::size_t size = FixedSize(header.type);
  const auto number = static_cast<std::uint64_t>(header.number);
  return SignExtend(number, size) == header.number ? "" : "its range";
}

std::size_t WrittenSize(const Header& header) {
  return 2 + header.name.size() + FixedSize(header.type) +
         (HasLength(header.type) ? header.bytes.size() : 0);
}

void AppendHeader(const Header& header, std::string& out) {
  AppendNumber(out, header.name.size(), 1);
  out += header.name;
  AppendNumber(out, static_cast<std::uint64_t>(header.type), 1);
  const std::size_t size = FixedSize(header.type);
  if (HasLength(header.type)) AppendNumber(out, header.bytes.size(), size);
  if (HasNumber(header.type)) AppendNumber(out, static_cast<std::uint64_t>(header.number), size);
  if (HasLength(header.type) || header.type == HeaderType::kUuid) out += header.bytes;
}

Error CannotWrite(const Header& header, std::string_view fault) {
  return Internal("the event stream header \"" + std::string(header.name) +
                  "\" cannot be written: " + std::string(fault));
}

// The bytes that the headers take, when all of them can be written.
Result<std::size_t> HeadersSize(std::span<const Header> headers) {
  if (headers.size() > kHeadersMax) return Internal("an event stream message has too many headers");
  std::size_t size = 0;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const std::string_view fault = Fault(headers[i]);
    if (!fault.empty()) return CannotWrite(headers[i], fault);
    if (IsAmong(headers.first(i), headers[i].name)) {
      return CannotWrite(headers[i], "it stands twice");
    }
    size += WrittenSize(headers[i]);
  }
  if (size > kHeadersBytesMax)
    return Internal("the headers of an event stream message are too long");
  return size;
}

}  // namespace

const Header* Message::Find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(headers, [&](const Header& header) { return header.name == name; });
  return found == headers.end() ? nullptr : &*found;
}

std::string_view Message::Text(std::string_view name) const {
  const Header* header = Find(name);
  if (header == nullptr || header->type != HeaderType::kString) return {};
  return header->bytes;
}

Result<Message> ParseMessage(std::string_view frame, std::vector<Header>& headers) {
  headers.clear();
  if (frame.size() < kOverheadBytes || ReadLength(frame) != frame.size()) {
    return BrokenFraming("the length of a message is not the stated one");
  }
  const std::size_t headers_size = ReadLength(frame.substr(4));
  if (headers_size > kHeadersBytesMax || headers_size > frame.size() - kOverheadBytes) {
    return BrokenFraming("a message states headers longer than there is room for");
  }
  Cursor cursor(frame.substr(kPreludeBytes, headers_size));
  while (!cursor.empty()) {
    if (headers.size() == kHeadersMax) return BrokenFraming("a message has too many headers");
    TIDEGATE_ASSIGN(const Header header, TakeHeader(cursor));
    // Two readers of a name that stands twice could each believe another one of them.
    if (IsAmong(headers, header.name)) return BrokenFraming("a header stands twice");
    headers.push_back(header);
  }
  const std::size_t payload_size = frame.size() - kOverheadBytes - headers_size;
  return Message{headers, frame.substr(kPreludeBytes + headers_size, payload_size)};
}

Result<void> AppendMessage(std::span<const Header> headers, std::string_view payload,
                           std::string& out) {
  TIDEGATE_ASSIGN(const std::size_t headers_size, HeadersSize(headers));
  if (payload.size() > kWrittenMessageBytesMax - kOverheadBytes - headers_size) {
    return Error{ErrorCode::kTooLarge, ErrorSource::kGateway, Retry::kNever,
                 "an event of the answer is larger than this protocol allows"};
  }
  const std::size_t begin = out.size();
  AppendNumber(out, kOverheadBytes + headers_size + payload.size(), 4);
  AppendNumber(out, headers_size, 4);
  const std::uint32_t prelude_crc = Crc32(std::string_view(out).substr(begin));
  AppendNumber(out, prelude_crc, 4);
  for (const Header& header : headers) AppendHeader(header, out);
  out += payload;
  AppendNumber(out, Crc32(std::string_view(out).substr(begin + 8), prelude_crc), 4);
  return {};
}

}  // namespace tidegate::protocols::aws_event_stream
