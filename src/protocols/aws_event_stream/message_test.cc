#include "protocols/aws_event_stream/message.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "protocols/aws_event_stream/crc32.h"
#include "protocols/aws_event_stream/wire.h"

namespace tidegate::protocols::aws_event_stream {
namespace {

constexpr std::string_view kUuid("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF",
                                 16);

std::string Written(std::span<const Header> headers, std::string_view payload) {
  std::string out;
  EXPECT_TRUE(AppendMessage(headers, payload, out).ok());
  return out;
}

// A frame around headers as they stand on the wire, with checksums that hold.
std::string Framed(std::string_view headers, std::string_view payload = "") {
  std::string out;
  AppendNumber(out, kOverheadBytes + headers.size() + payload.size(), 4);
  AppendNumber(out, headers.size(), 4);
  AppendNumber(out, Crc32(out), 4);
  out += headers;
  out += payload;
  AppendNumber(out, Crc32(out), 4);
  return out;
}

void ExpectBroken(std::string_view frame) {
  std::vector<Header> headers;
  const Result<Message> message = ParseMessage(frame, headers);
  ASSERT_FALSE(message.ok()) << ToHex(frame);
  EXPECT_EQ(message.error().code, ErrorCode::kProtocol);
  EXPECT_EQ(message.error().source, ErrorSource::kUpstream);
}

TEST(AwsEventStreamMessage, TheEmptyMessageIsTheKnownSixteenBytes) {
  EXPECT_EQ(ToHex(Written({}, "")), "000000100000000005c248eb7d98c8ff");
}

TEST(AwsEventStreamMessage, AHeaderOfEveryTypeStandsOnTheWireAsDescribed) {
  const std::vector<std::pair<Header, std::string>> cases = {
      {{"a", HeaderType::kTrue, 0, ""}, "016100"},
      {{"a", HeaderType::kFalse, 0, ""}, "016101"},
      {{"a", HeaderType::kByte, -2, ""}, "016102fe"},
      {{"a", HeaderType::kShort, -2, ""}, "016103fffe"},
      {{"a", HeaderType::kInteger, 40'972, ""}, "0161040000a00c"},
      {{"a", HeaderType::kLong, std::numeric_limits<std::int64_t>::min(), ""},
       "0161058000000000000000"},
      {{"a", HeaderType::kBytes, 0, std::string_view("\0\xFF", 2)}, "016106000200ff"},
      {{"a", HeaderType::kString, 0, "hé"}, "016107000368c3a9"},
      {{"a", HeaderType::kTimestamp, 1'700'000'000'123, ""}, "0161080000018bcfe5687b"},
      {{"a", HeaderType::kUuid, 0, kUuid}, "01610900112233445566778899aabbccddeeff"},
  };
  for (const auto& [header, wire] : cases) {
    const std::string frame = Written({&header, 1}, "p");
    EXPECT_EQ(ToHex(frame.substr(kPreludeBytes, frame.size() - kOverheadBytes - 1)), wire);
    std::vector<Header> read;
    const Result<Message> message = ParseMessage(frame, read);
    ASSERT_TRUE(message.ok()) << wire;
    ASSERT_EQ(message->headers.size(), 1U);
    EXPECT_EQ(message->headers[0], header) << wire;
    EXPECT_EQ(message->payload, "p");
  }
}

TEST(AwsEventStreamMessage, NumbersKeepTheirSignAtBothEndsOfTheirRange) {
  const std::vector<std::pair<HeaderType, std::int64_t>> highest = {
      {HeaderType::kByte, 127},
      {HeaderType::kShort, 32'767},
      {HeaderType::kInteger, 2'147'483'647},
      {HeaderType::kLong, std::numeric_limits<std::int64_t>::max()},
      {HeaderType::kTimestamp, std::numeric_limits<std::int64_t>::max()}};
  for (const auto& [type, high] : highest) {
    for (const std::int64_t number : {high, -high - 1, std::int64_t{0}, std::int64_t{-1}}) {
      const Header header{"n", type, number, ""};
      std::vector<Header> read;
      ASSERT_TRUE(ParseMessage(Written({&header, 1}, ""), read).ok());
      EXPECT_EQ(read[0].number, number);
    }
  }
}

TEST(AwsEventStreamMessage, HeadersAreFoundByTheirExactName) {
  const Header headers[] = {TextHeader(":event-type", "contentBlockDelta"),
                            {":n", HeaderType::kByte, 1, ""},
                            TextHeader(":empty", "")};
  const std::string frame = Written(headers, "{}");
  std::vector<Header> read;
  const Result<Message> message = ParseMessage(frame, read);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->Text(":event-type"), "contentBlockDelta");
  EXPECT_EQ(message->Text(":Event-Type"), "");
  EXPECT_EQ(message->Text(":n"), "") << "it is no string";
  EXPECT_EQ(message->Find(":n")->number, 1);
  EXPECT_EQ(message->Find(":missing"), nullptr);
  ASSERT_NE(message->Find(":empty"), nullptr);
}

TEST(AwsEventStreamMessage, AMessageViewsItsFrame) {
  const Header header = TextHeader("name", "value");
  const std::string frame = Written({&header, 1}, "payload");
  std::vector<Header> read;
  const Result<Message> message = ParseMessage(frame, read);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->headers[0].name.data(), frame.data() + kPreludeBytes + 1);
  EXPECT_EQ(message->payload.data(), frame.data() + frame.size() - kChecksumBytes - 7);
}

TEST(AwsEventStreamMessage, HeadersCutAtAnyByteAreRefused) {
  const Header headers[] = {{"t", HeaderType::kTimestamp, 5, ""},
                            {"u", HeaderType::kUuid, 0, kUuid},
                            TextHeader("s", "text")};
  const std::string frame = Written(headers, "");
  const std::string_view wire =
      std::string_view(frame).substr(kPreludeBytes, frame.size() - kOverheadBytes);
  const std::size_t ends[] = {0, 11, 11 + 19, wire.size()};  // where a header ends
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    const std::string part = Framed(wire.substr(0, cut), "0123456789");
    std::vector<Header> read;
    const bool whole = std::ranges::find(ends, cut) != std::end(ends);
    EXPECT_EQ(ParseMessage(part, read).ok(), whole) << "cut at " << cut;
  }
}

TEST(AwsEventStreamMessage, MalformedHeadersAreRefused) {
  using std::string_literals::operator""s;
  ExpectBroken(Framed("\0\0"s));                                    // no name
  ExpectBroken(Framed("\1a\x0A"s));                                 // no such type
  ExpectBroken(Framed("\1a\xFF"s));                                 // nor this
  ExpectBroken(Framed("\1a\0\1a\1"s));                              // one name twice
  ExpectBroken(Framed("\xFFshort name"s));                          // a name that is not there
  ExpectBroken(Framed("\1a\7\0\5text"s));                           // a value that is not there
  ExpectBroken(Framed("\1a\7\x80\0"s + std::string(32'768, 'x')));  // longer than a value may be
  std::vector<Header> read;
  EXPECT_TRUE(ParseMessage(Framed("\1a\7\x7F\xFF"s + std::string(32'767, 'x')), read).ok());
}

TEST(AwsEventStreamMessage, MoreHeadersThanTheLimitAreRefused) {
  std::string wire;
  for (std::size_t i = 0; i < kHeadersMax; ++i) {
    wire += {'\1', static_cast<char>('0' + i), '\0'};
  }
  std::vector<Header> read;
  EXPECT_TRUE(ParseMessage(Framed(wire), read).ok());
  EXPECT_EQ(read.size(), kHeadersMax);
  ExpectBroken(Framed(wire + std::string("\1!\0", 3)));
}

TEST(AwsEventStreamMessage, ImpossibleLengthsAreRefusedWhereverTheFrameComesFrom) {
  ExpectBroken("");
  ExpectBroken(std::string(15, '\0'));
  ExpectBroken(std::string(16, '\0'));
  std::string frame = Framed("\1a" + std::string(1, '\0'), "payload");
  ExpectBroken(frame.substr(0, frame.size() - 1));
  ExpectBroken(frame + "x");
  frame[7] = static_cast<char>(frame.size() - kOverheadBytes + 1);  // headers beyond the frame
  ExpectBroken(frame);
  frame[4] = '\xFF';
  ExpectBroken(frame);
}

TEST(AwsEventStreamMessage, WhatCannotBeWrittenIsRefusedAndNothingIsAppended) {
  const std::string long_value(kHeaderValueBytesMax + 1, 'x');
  const std::string long_name(kHeaderNameBytesMax + 1, 'x');
  const std::vector<std::vector<Header>> cases = {
      {{"", HeaderType::kTrue, 0, ""}},
      {{long_name, HeaderType::kTrue, 0, ""}},
      {TextHeader("a", long_value)},
      {{"a", HeaderType::kBytes, 0, long_value}},
      {{"a", HeaderType::kUuid, 0, "short"}},
      {{"a", HeaderType::kByte, 128, ""}},
      {{"a", HeaderType::kShort, -32'769, ""}},
      {{"a", HeaderType::kInteger, std::int64_t{1} << 31, ""}},
      {TextHeader("a", "1"), TextHeader("a", "2")},
      std::vector<Header>(kHeadersMax + 1, TextHeader("a", "")),
      {TextHeader("a", std::string_view(long_value).substr(1)),
       TextHeader("b", std::string_view(long_value).substr(1)),
       TextHeader("c", std::string_view(long_value).substr(1)),
       TextHeader("d", std::string_view(long_value).substr(1))}};  // together over 128 KiB
  for (const std::vector<Header>& headers : cases) {
    std::string out = "before";
    const Result<void> result = AppendMessage(headers, "payload", out);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kInternal);
    EXPECT_EQ(out, "before");
  }
}

TEST(AwsEventStreamMessage, TheLargestMessageOfTheFormatCanBeWrittenAndNoLargerOne) {
  std::string payload(kWrittenMessageBytesMax - kOverheadBytes, 'x');
  EXPECT_EQ(Written({}, payload).size(), kWrittenMessageBytesMax);
  payload += 'x';
  std::string out;
  const Result<void> result = AppendMessage({}, payload, out);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(out.empty());
}

}  // namespace
}  // namespace tidegate::protocols::aws_event_stream
