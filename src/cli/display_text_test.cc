#include "cli/display_text.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

TEST(DisplayText, WideCharactersTakeTwoColumnsAndMarksNone) {
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("日本語"), 6U);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1U);  // e and a combining acute
  EXPECT_EQ(DisplayWidth("🎉"), 2U);
  EXPECT_EQ(DisplayWidth("\xE2\x80\x8B"), 0U);  // zero width space
  EXPECT_EQ(DisplayWidth("\xFF\xC3"), 2U);      // two broken bytes
}

TEST(DisplayText, ACutTextEndsInAnEllipsisAndNeverInHalfACharacter) {
  EXPECT_EQ(Cut("short", 5), "short");
  EXPECT_EQ(Cut("longer", 5), "long…");
  EXPECT_EQ(Cut("日本語", 5), "日本…");
  EXPECT_EQ(Cut("日本語", 4), "日…");
  EXPECT_EQ(Cut("日本語", 0), "");
}

TEST(DisplayText, ALongTextWrapsAtBlanksAndALongWordIsBroken) {
  EXPECT_EQ(Wrap("one two three", 8), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(Wrap("abcdefghij", 4), (std::vector<std::string>{"abcd", "efgh", "ij"}));
  EXPECT_EQ(Wrap("a\nb", 10), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(Wrap("", 10), (std::vector<std::string>{""}));
  EXPECT_EQ(Wrap("日本語", 4), (std::vector<std::string>{"日本", "語"}));
}

TEST(DisplayText, ForeignTextCannotSendControlSequences) {
  EXPECT_EQ(Printable("a\x1b[2Jb\x07"), "a[2Jb");
  EXPECT_EQ(Printable("c1 \xC2\x9B"
                      "31m"),
            "c1 31m");
  EXPECT_EQ(Printable("x\xE2\x80\xAEy"), "xy");  // right-to-left override
  EXPECT_EQ(Printable("line\n\ttab\r"), "line\n\ttab");
  EXPECT_EQ(Printable("bad \xFF byte"), "bad \xEF\xBF\xBD byte");
  EXPECT_EQ(Printable("naïve 日本 🎉"), "naïve 日本 🎉");
}

}  // namespace
}  // namespace tidegate::cli
