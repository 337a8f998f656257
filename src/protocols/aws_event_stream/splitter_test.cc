#include "protocols/aws_event_stream/splitter.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/aws_event_stream/crc32.h"
#include "protocols/aws_event_stream/message.h"
#include "protocols/aws_event_stream/wire.h"

namespace tidegate::protocols::aws_event_stream {
namespace {

using Frames = std::vector<std::string>;

std::string MakeMessage(std::string_view type, std::string_view payload) {
  const Header headers[] = {TextHeader(":event-type", type), {":flag", HeaderType::kTrue, 0, ""}};
  std::string out;
  EXPECT_TRUE(AppendMessage(headers, payload, out).ok());
  return out;
}

// Lengths with a checksum that holds.
std::string Prelude(std::uint32_t size, std::uint32_t headers_size) {
  std::string out;
  AppendNumber(out, size, 4);
  AppendNumber(out, headers_size, 4);
  AppendNumber(out, Crc32(out), 4);
  return out;
}

struct Split {
  Frames frames;
  std::string rest;
  Result<void> result;
};

// What comes of the pieces, up to the first error.
Split FeedAll(const std::vector<std::string_view>& pieces) {
  Splitter splitter;
  Split split;
  for (const std::string_view piece : pieces) {
    // On the heap, exact: ASan sees any view that outlives it.
    const std::vector<char> bytes(piece.begin(), piece.end());
    std::vector<std::string_view> frames;
    split.result = splitter.Feed({bytes.data(), bytes.size()}, frames);
    for (const std::string_view frame : frames) split.frames.emplace_back(frame);
    if (!split.result.ok()) return split;
  }
  split.rest = splitter.rest();
  return split;
}

Split FeedSteps(std::string_view bytes, std::size_t step) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += step) pieces.push_back(bytes.substr(at, step));
  return FeedAll(pieces);
}

const Frames& Three() {
  static const Frames frames = {MakeMessage("messageStart", R"({"role":"assistant"})"),
                                MakeMessage("contentBlockDelta", ""),
                                MakeMessage("metadata", "{}")};
  return frames;
}

std::string Joined(const Frames& frames) {
  std::string all;
  for (const std::string& frame : frames) all += frame;
  return all;
}

TEST(AwsEventStreamSplitter, MessagesComeOutWholeInAnySplit) {
  const std::string bytes = Joined(Three());
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    const Split split = FeedSteps(bytes, step);
    ASSERT_TRUE(split.result.ok());
    EXPECT_EQ(split.frames, Three()) << "in pieces of " << step;
    EXPECT_TRUE(split.rest.empty());
  }
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::string_view all = bytes;
    EXPECT_EQ(FeedAll({all.substr(0, cut), all.substr(cut)}).frames, Three()) << "cut at " << cut;
  }
}

TEST(AwsEventStreamSplitter, AStreamCutAnywhereYieldsItsWholeMessagesAndTheRest) {
  const std::string bytes = Joined(Three());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
      const Split split = FeedSteps(std::string_view(bytes).substr(0, cut), step);
      ASSERT_TRUE(split.result.ok());
      EXPECT_EQ(Joined(split.frames) + split.rest, bytes.substr(0, cut));
      for (std::size_t i = 0; i < split.frames.size(); ++i) EXPECT_EQ(split.frames[i], Three()[i]);
    }
  }
}

TEST(AwsEventStreamSplitter, AReadThatHoldsWholeMessagesIsNotCopied) {
  const std::string bytes = Joined(Three());
  Splitter splitter;
  std::vector<std::string_view> frames;
  ASSERT_TRUE(splitter.Feed(bytes, frames).ok());
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].data(), bytes.data());
  EXPECT_EQ(frames[1].data(), bytes.data() + frames[0].size());
}

TEST(AwsEventStreamSplitter, AMessageIsReleasedWithTheReadThatEndsIt) {
  Splitter splitter;
  const std::string& first = Three()[0];
  std::vector<std::string_view> frames;
  ASSERT_TRUE(splitter.Feed(std::string_view(first).substr(0, first.size() - 1), frames).ok());
  EXPECT_TRUE(frames.empty());
  ASSERT_TRUE(splitter.Feed(first.substr(first.size() - 1), frames).ok());
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0], first);
}

TEST(AwsEventStreamSplitter, AByteChangedAnywhereIsNoticedInAnySplit) {
  const std::string bytes = Joined(Three());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const char change : {'\x01', '\x80', '\xFF'}) {
      std::string broken = bytes;
      broken[at] = static_cast<char>(broken[at] ^ change);
      for (const std::size_t step : {std::size_t{1}, std::size_t{13}, bytes.size()}) {
        const Split split = FeedSteps(broken, step);
        ASSERT_FALSE(split.result.ok()) << "byte " << at << " in pieces of " << step;
        EXPECT_EQ(split.result.error().code, ErrorCode::kProtocol);
        EXPECT_EQ(split.result.error().source, ErrorSource::kUpstream);
        for (std::size_t i = 0; i < split.frames.size(); ++i) {
          EXPECT_EQ(split.frames[i], Three()[i]) << "the messages before it still came";
        }
      }
    }
  }
}

TEST(AwsEventStreamSplitter, HostileLengthsAreRefusedAsSoonAsTheyAreThere) {
  const std::vector<std::string> preludes = {Prelude(0, 0),
                                             Prelude(kOverheadBytes - 1, 0),
                                             Prelude(kOverheadBytes, 1),
                                             Prelude(kOverheadBytes + 10, 11),
                                             Prelude(kOverheadBytes + 10, 0xFFFF'FFFF),
                                             Prelude(kMessageBytesMax, kHeadersBytesMax + 1),
                                             Prelude(kMessageBytesMax + 1, 0),
                                             Prelude(16U << 20U, 0),
                                             Prelude(0xFFFF'FFFF, 0),
                                             Prelude(0xFFFF'FFFF, 0xFFFF'FFFF)};
  for (const std::string& prelude : preludes) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{12}}) {
      const Split split = FeedSteps(prelude, step);
      ASSERT_FALSE(split.result.ok());
      EXPECT_EQ(split.result.error().code, ErrorCode::kProtocol);
    }
  }
  EXPECT_TRUE(FeedSteps(Prelude(kMessageBytesMax, kHeadersBytesMax), 12).result.ok());
}

TEST(AwsEventStreamSplitter, AnAnnouncedLengthTakesNoMemoryBeforeItsBytesCome) {
  Splitter splitter;
  std::vector<std::string_view> frames;
  ASSERT_TRUE(splitter.Feed(Prelude(kMessageBytesMax, 0) + "x", frames).ok());
  EXPECT_EQ(splitter.rest().size(), kPreludeBytes + 1);
}

TEST(AwsEventStreamSplitter, AMessageOfTheLargestSizePassesInAnySplit) {
  std::string largest;
  ASSERT_TRUE(AppendMessage({}, std::string(kMessageBytesMax - kOverheadBytes, 'x'), largest).ok());
  ASSERT_EQ(largest.size(), kMessageBytesMax);
  for (const std::size_t step : {std::size_t{1000}, std::size_t{65'536}, 2 * kMessageBytesMax}) {
    const Split split = FeedSteps(largest + Three()[0], step);
    ASSERT_TRUE(split.result.ok());
    ASSERT_EQ(split.frames.size(), 2U);
    EXPECT_EQ(split.frames[0], largest);
    EXPECT_EQ(split.frames[1], Three()[0]);
  }
}

TEST(AwsEventStreamSplitter, TheRestOfAStreamIsShown) {
  EXPECT_EQ(FeedSteps("", 1).rest, "");
  EXPECT_EQ(FeedSteps(Three()[0] + Three()[1].substr(0, 5), 9).rest, Three()[1].substr(0, 5));
}

}  // namespace
}  // namespace tidegate::protocols::aws_event_stream
