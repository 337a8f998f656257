#include "cli/word_wrap.h"

#include <gtest/gtest.h>

#include "cli/display_text.h"

namespace tidegate::cli {
namespace {

std::string Wrapped(std::string_view text, std::size_t columns, std::size_t piece) {
  WordWrap wrap(columns);
  std::string out;
  while (!text.empty()) {
    std::size_t size = 0;
    while (size < text.size() && size < piece) size += FirstGlyph(text.substr(size)).bytes;
    out += wrap.Feed(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out + wrap.Flush();
}

void ExpectWrapped(std::string_view text, std::size_t columns, const std::string& expected) {
  for (const std::size_t piece : {1U, 2U, 5U, 1000U}) {
    EXPECT_EQ(Wrapped(text, columns, piece), expected) << text << " in pieces of " << piece;
  }
}

TEST(WordWrap, BreaksBetweenWordsInWhateverPiecesTheyCome) {
  ExpectWrapped("the quick brown fox", 10, "the quick\nbrown fox");
  ExpectWrapped("aaaa bbbb cccc", 9, "aaaa bbbb\ncccc");
  ExpectWrapped("one\ntwo  three", 20, "one\ntwo  three");
  ExpectWrapped("", 10, "");
}

TEST(WordWrap, KeepsWhatItNeedNotChange) {
  ExpectWrapped("  if (x) {\n    y();\n  }\n", 40, "  if (x) {\n    y();\n  }\n");
  ExpectWrapped("a  b \n", 40, "a  b \n");
  ExpectWrapped("ends with a blank ", 40, "ends with a blank ");
}

TEST(WordWrap, AWordLongerThanALineIsCutAndNeverHeldBackForLong) {
  ExpectWrapped("ab 0123456789abc", 10, "ab\n0123456789\nabc");
  WordWrap wrap(10);
  EXPECT_EQ(wrap.Feed("0123456789"), "0123456789");
}

TEST(WordWrap, WideCharactersBreakAnywhere) {
  ExpectWrapped("日本語日本語", 6, "日本語\n日本語");
  ExpectWrapped("ab 日本語", 6, "ab 日\n本語");
}

TEST(WordWrap, AWordWaitsUntilItIsComplete) {
  WordWrap wrap(10);
  EXPECT_EQ(wrap.Feed("hello wor"), "hello");
  EXPECT_EQ(wrap.Feed("ld"), "");
  EXPECT_EQ(wrap.Feed(" "), "\nworld");
  EXPECT_EQ(wrap.Flush(), " ");
}

TEST(WordWrap, WithoutColumnsEverythingPasses) {
  WordWrap wrap(0);
  EXPECT_EQ(wrap.Feed("any wo"), "any wo");
  EXPECT_EQ(wrap.Flush(), "");
}

}  // namespace
}  // namespace tidegate::cli
