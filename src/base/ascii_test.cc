#include "base/ascii.h"

#include <gtest/gtest.h>

namespace tidegate {
namespace {

TEST(Ascii, OnlyLettersOfAsciiHaveTwoCases) {
  EXPECT_EQ(ToLower("AZaz09@[`{\xC3\x84"), "azaz09@[`{\xC3\x84");
  EXPECT_EQ(ToLower('Q'), 'q');
}

TEST(Ascii, CasesAreNotTold) {
  EXPECT_TRUE(EqualsIgnoreCase("Content-Type", "content-TYPE"));
  EXPECT_FALSE(EqualsIgnoreCase("a", "ab"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));  // 32 apart, as letters are
  EXPECT_TRUE(StartsWithIgnoreCase("HTTPS://x", "https:"));
  EXPECT_TRUE(StartsWithIgnoreCase("https:", "https:"));
  EXPECT_FALSE(StartsWithIgnoreCase("http", "https:"));
  EXPECT_TRUE(ContainsIgnoreCase("The Context Is full", "context is"));
  EXPECT_TRUE(ContainsIgnoreCase("x", ""));
  EXPECT_FALSE(ContainsIgnoreCase("", "x"));
}

}  // namespace
}  // namespace tidegate
