#include "json/path.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace tidegate::json {
namespace {

constexpr std::string_view kDocument =
    R"({"a": "x\"y", "b": [ "p", {"c\n": ["q", [], {}, "r"], "d": 7}, "s" ], "e": {"f": "t"}})";

std::string At(std::string_view text) { return PathAt(kDocument, kDocument.find(text)); }

TEST(PathAt, NamesTheMemberOrElement) {
  EXPECT_EQ(At("x"), "a");
  EXPECT_EQ(At("y\""), "a");
  EXPECT_EQ(At("p"), "b[0]");
  EXPECT_EQ(At("q"), "b[1].c\\n[0]");
  EXPECT_EQ(At("r\""), "b[1].c\\n[3]");
  EXPECT_EQ(At("s\""), "b[2]");
  EXPECT_EQ(At("t\""), "e.f");
}

TEST(PathAt, IsEmptyForWhatIsNoStringValue) {
  EXPECT_EQ(At("7"), "");
  EXPECT_EQ(At("d\""), "") << "a key";
  EXPECT_EQ(PathAt(kDocument, kDocument.size()), "");
  EXPECT_EQ(PathAt("", 0), "");
  EXPECT_EQ(PathAt("\"lonely", 3), "") << "a document that is one text has no path";
}

// It is told to be valid, and may be anything all the same.
TEST(PathAt, EndsOnEveryPrefix) {
  for (std::size_t size = 0; size <= kDocument.size(); ++size) {
    for (std::size_t offset = 0; offset <= size; ++offset) {
      (void)PathAt(kDocument.substr(0, size), offset);
    }
  }
}

}  // namespace
}  // namespace tidegate::json
