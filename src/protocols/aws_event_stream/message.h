// One message of application/vnd.amazon.eventstream: typed headers and a payload.
//
// AWS streams answers in this binary framing where others use text/event-stream. All numbers are
// big-endian:
//
//   total length [4] | headers length [4] | CRC-32 of these 8 bytes [4]
//   headers: { name length [1] | name | type [1] | value } …
//   payload
//   CRC-32 of everything before it [4]
//
// What a message means (":event-type" and the like) is the affair of the protocol that uses it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocols/aws_event_stream/limits.h"

namespace tidegate::protocols::aws_event_stream {

// The type of a header's value, as the wire numbers it.
enum class HeaderType : std::uint8_t {
  kTrue = 0,
  kFalse = 1,
  kByte = 2,
  kShort = 3,
  kInteger = 4,
  kLong = 5,
  kBytes = 6,
  kString = 7,
  kTimestamp = 8,
  kUuid = 9,
};
inline constexpr std::size_t kUuidBytes = 16;

struct Header {
  std::string_view name;  // 1 to kHeaderNameBytesMax bytes
  HeaderType type = HeaderType::kString;
  // kByte, kShort, kInteger, kLong: the signed number; kTimestamp: milliseconds since 1970 in UTC.
  std::int64_t number = 0;
  // kString, kBytes: the value; kUuid: its 16 bytes. Whether text is UTF-8 is not looked at.
  std::string_view bytes;

  bool operator==(const Header&) const = default;
};

// The common header, of text.
inline Header TextHeader(std::string_view name, std::string_view text) {
  return {name, HeaderType::kString, 0, text};
}

struct Message {
  std::span<const Header> headers;  // no name stands twice
  std::string_view payload;

  // nullptr when there is none of that name. Names are told apart by case.
  const Header* Find(std::string_view name) const;
  // The text of that header; empty when there is none or it is not a string.
  std::string_view Text(std::string_view name) const;
};

// Reads one frame of a Splitter. The message views `frame` and `headers`, which is overwritten and
// keeps its memory. The checksums are the Splitter's affair and not looked at again; everything
// else is, so any bytes may be given. Errors: kProtocol.
Result<Message> ParseMessage(std::string_view frame, std::vector<Header>& headers);

// Appends one message. Errors: kInternal for a header that cannot be written (a name or value too
// long, a number too large for its type, a name that stands twice, more than kHeadersMax);
// kTooLarge for a message beyond kWrittenMessageBytesMax. `out` is unchanged then.
Result<void> AppendMessage(std::span<const Header> headers, std::string_view payload,
                           std::string& out);

}  // namespace tidegate::protocols::aws_event_stream
