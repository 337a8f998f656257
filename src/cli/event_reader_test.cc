#include "cli/event_reader.h"

#include <vector>

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

struct Read {
  std::vector<std::string> events;
  Result<void> status;
};

Read Feed(std::string_view text, std::size_t piece) {
  EventReader reader;
  Read read;
  const EventReader::Handler keep = [&](std::string_view data) {
    read.events.emplace_back(data);
    return Result<void>();
  };
  while (!text.empty() && read.status.ok()) {
    read.status = reader.Feed(text.substr(0, piece), keep);
    text.remove_prefix(std::min(piece, text.size()));
  }
  return read;
}

TEST(EventReader, TheSameEventsComeOutWhateverThePiecesAre) {
  constexpr std::string_view kStream =
      ": a comment\n\ndata: {\"a\":1}\n\nevent: x\r\ndata:two\r\ndata: lines\r\n\r\n"
      "id: 7\n\ndata: [DONE]\n\ndata: unfinished";
  const std::vector<std::string> expected = {"{\"a\":1}", "two\nlines", "[DONE]"};
  for (std::size_t piece = 1; piece <= kStream.size(); ++piece) {
    const Read read = Feed(kStream, piece);
    EXPECT_TRUE(read.status.ok());
    EXPECT_EQ(read.events, expected) << "in pieces of " << piece;
  }
}

TEST(EventReader, AnErrorOfTheHandlerEndsTheReading) {
  EventReader reader;
  int calls = 0;
  const Result<void> status = reader.Feed("data: a\n\ndata: b\n\n", [&](std::string_view) {
    ++calls;
    return Result<void>(Internal("enough"));
  });
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(calls, 1);
}

TEST(EventReader, AnEventWithoutEndIsRefusedAndNotKept) {
  const Read read = Feed("data: " + std::string(kEventBytesMax + 1, 'x'), 64 * 1024);
  ASSERT_FALSE(read.status.ok());
  EXPECT_EQ(read.status.error().code, ErrorCode::kProtocol);
}

}  // namespace
}  // namespace tidegate::cli
