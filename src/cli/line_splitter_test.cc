#include "cli/line_splitter.h"

#include <vector>

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

TEST(LineSplitter, LinesAreTheSameInWhateverPiecesTheyCome) {
  const std::string answer = "{\"a\":1}\n\r\n{\"b\":2}\r\n\n{\"c\":3}";
  for (std::size_t piece = 1; piece <= answer.size(); ++piece) {
    LineSplitter splitter;
    std::vector<std::string> lines;
    const LineSplitter::Handler keep = [&lines](std::string_view line) {
      lines.emplace_back(line);
      return Result<void>();
    };
    for (std::size_t at = 0; at < answer.size(); at += piece) {
      ASSERT_TRUE(splitter.Feed(std::string_view(answer).substr(at, piece), keep).ok());
    }
    EXPECT_EQ(lines.size(), 2U);
    ASSERT_TRUE(splitter.Finish(keep).ok());
    EXPECT_EQ(lines, (std::vector<std::string>{"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"}));
    ASSERT_TRUE(splitter.Finish(keep).ok());
    EXPECT_EQ(lines.size(), 3U);
  }
}

TEST(LineSplitter, TheFirstErrorOfTheHandlerEndsIt) {
  LineSplitter splitter;
  int calls = 0;
  const Result<void> fed = splitter.Feed("1\n2\n3\n", [&calls](std::string_view line) {
    ++calls;
    return line == "2" ? Result<void>(NotFound("two")) : Result<void>();
  });
  ASSERT_FALSE(fed.ok());
  EXPECT_EQ(fed.error().message, "two");
  EXPECT_EQ(calls, 2);
}

TEST(LineSplitter, ALineWithoutEndIsRefused) {
  LineSplitter splitter;
  const LineSplitter::Handler none = [](std::string_view) { return Result<void>(); };
  const std::string piece(1U << 20U, 'x');
  Result<void> fed;
  for (int i = 0; i < 5 && fed.ok(); ++i) fed = splitter.Feed(piece, none);
  ASSERT_FALSE(fed.ok());
  EXPECT_EQ(fed.error().code, ErrorCode::kProtocol);
}

}  // namespace
}  // namespace tidegate::cli
