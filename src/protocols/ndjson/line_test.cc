#include "protocols/ndjson/line.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/sse/splitter.h"

namespace tidegate::protocols::ndjson {
namespace {

// What the lines of `bytes` say when it comes in pieces of `step`.
std::vector<std::string> Texts(std::string_view bytes, std::size_t step) {
  sse::Splitter splitter(sse::Framing::kLines);
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::vector<std::string_view> lines;
    EXPECT_TRUE(splitter.Feed(bytes.substr(at, step), lines).ok());
    for (const std::string_view line : lines) texts.emplace_back(Text(line));
  }
  texts.emplace_back(Text(splitter.rest()));
  return texts;
}

TEST(NdjsonLine, IsTheSameInAnySplitWhateverEndsIt) {
  const std::string bytes = "{\"a\":1}\n\r\n {\"b\":\"x\\n\"}\r\n\n{\"c\":";
  const std::vector<std::string> expected = {"{\"a\":1}", "", "{\"b\":\"x\\n\"}", "", "{\"c\":"};
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    EXPECT_EQ(Texts(bytes, step), expected) << "in pieces of " << step;
  }
}

TEST(NdjsonLine, ALineThatIsTooLongEndsTheStream) {
  sse::Splitter splitter(sse::Framing::kLines);
  std::vector<std::string_view> lines;
  const std::string bytes = "{}\n" + std::string(sse::kFrameBytesMax + 1, 'x');
  EXPECT_EQ(splitter.Feed(bytes, lines).error().code, ErrorCode::kProtocol);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(Text(lines[0]), "{}");
}

}  // namespace
}  // namespace tidegate::protocols::ndjson
