#include "protocols/sse/splitter.h"

#include <gtest/gtest.h>

namespace tidegate::protocols::sse {
namespace {

using Frames = std::vector<std::string>;

// All frames of `text` fed in pieces of `step` bytes; the rest, if any, as the last one.
Frames Split(std::string_view text, std::size_t step, Framing framing = Framing::kEventStream) {
  Splitter splitter(framing);
  Frames all;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const std::string piece(
        text.substr(at, step));  // on the heap, exact: ASan sees any view that outlives it
    std::vector<std::string_view> frames;
    EXPECT_TRUE(splitter.Feed(piece, frames).ok());
    for (const std::string_view frame : frames) all.emplace_back(frame);
  }
  if (!splitter.rest().empty()) all.emplace_back(splitter.rest());
  return all;
}

std::string Join(const Frames& frames) {
  std::string all;
  for (const std::string& frame : frames) all += frame;
  return all;
}

TEST(Splitter, AnEventEndsAtItsBlankLineWhateverEndsTheLines) {
  EXPECT_EQ(Split("data: a\n\ndata: b\n\n", 100), (Frames{"data: a\n\n", "data: b\n\n"}));
  EXPECT_EQ(Split("data: a\r\n\r\ndata: b\r\n\r\n", 100),
            (Frames{"data: a\r\n\r\n", "data: b\r\n\r\n"}));
  EXPECT_EQ(Split("data: a\r\rdata: b\r\r", 100), (Frames{"data: a\r\r", "data: b\r\r"}));
  EXPECT_EQ(Split("data: a\n\r\ndata: b\r\n\n", 100), (Frames{"data: a\n\r\n", "data: b\r\n\n"}));
}

TEST(Splitter, OneCrlfIsOneLineEndAndNotABlankLine) {
  EXPECT_EQ(Split("data: a\r\ndata: b\r\n\r\n", 100), (Frames{"data: a\r\ndata: b\r\n\r\n"}));
  EXPECT_EQ(Split("data: a\r\ndata: b\r\n\r\n", 1), (Frames{"data: a\r\ndata: b\r\n\r", "\n"}));
}

TEST(Splitter, BlankLinesBetweenEventsAreFramesOfTheirOwn) {
  EXPECT_EQ(Split("\n\ndata: a\n\n\n", 100), (Frames{"\n", "\n", "data: a\n\n", "\n"}));
}

TEST(Splitter, AnEventIsReleasedWithTheReadThatEndsIt) {
  Splitter splitter(Framing::kEventStream);
  std::vector<std::string_view> frames;
  ASSERT_TRUE(splitter.Feed("data: a\r\n\r", frames).ok());
  ASSERT_EQ(frames.size(), 1U) << "the CR already ends the blank line";
  frames.clear();
  ASSERT_TRUE(splitter.Feed("\ndata: b\r\n\r\n", frames).ok());
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0], "\n");
  EXPECT_EQ(frames[1], "data: b\r\n\r\n");
}

TEST(Splitter, AReadThatHoldsWholeEventsIsNotCopied) {
  Splitter splitter(Framing::kEventStream);
  const std::string read = "data: a\n\ndata: b\n\n";
  std::vector<std::string_view> frames;
  ASSERT_TRUE(splitter.Feed(read, frames).ok());
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].data(), read.data());
  EXPECT_EQ(frames[1].data(), read.data() + 9);
}

TEST(Splitter, EveryByteComesOutOnceInAnySplit) {
  const std::string text =
      ": hi\r\n\r\nevent: x\rdata: a\r\rdata: b\n\n\n\r\n\rdata: c\n\r\r\ndata: half";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    EXPECT_EQ(Join(Split(text, step)), text) << "in pieces of " << step;
  }
}

TEST(Splitter, LinesEndAtLineFeedsOnly) {
  EXPECT_EQ(Split("{\"a\":1}\n{\"b\":2}\r\n\n{", 3, Framing::kLines),
            (Frames{"{\"a\":1}\n", "{\"b\":2}\r\n", "\n", "{"}));
}

TEST(Splitter, AnEventOfTheLargestSizePassesAndOneByteMoreDoesNotInAnySplit) {
  const std::string largest = "data: " + std::string(kFrameBytesMax - 8, 'x') + "\n\n";
  ASSERT_EQ(largest.size(), kFrameBytesMax);
  for (const std::size_t step : {std::size_t{1000}, std::size_t{65'536}, 2 * kFrameBytesMax}) {
    EXPECT_EQ(Split(largest, step).size(), 1U);
    Splitter splitter(Framing::kEventStream);
    const std::string text = "data: before\n\nx" + largest;
    std::vector<std::string_view> frames;
    Result<void> result;
    std::size_t released = 0;
    for (std::size_t at = 0; at < text.size() && result.ok(); at += step) {
      frames.clear();
      result = splitter.Feed(std::string_view(text).substr(at, step), frames);
      released += frames.size();
    }
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kProtocol);
    EXPECT_EQ(released, 1U) << "the event before it still came";
  }
}

TEST(Splitter, ALargeCarryBufferIsGivenBackAfterItsFrame) {
  Splitter splitter(Framing::kEventStream);
  std::vector<std::string_view> frames;
  ASSERT_TRUE(splitter.Feed("data: " + std::string(kFrameBytesMax / 2, 'x'), frames).ok());
  EXPECT_EQ(splitter.rest().size(), kFrameBytesMax / 2 + 6);
  ASSERT_TRUE(splitter.Feed("\n\n", frames).ok());
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].size(), kFrameBytesMax / 2 + 8);
  EXPECT_TRUE(splitter.rest().empty());
}

}  // namespace
}  // namespace tidegate::protocols::sse
