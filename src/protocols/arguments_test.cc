#include "protocols/arguments.h"

#include <gtest/gtest.h>

namespace tidegate::protocols {
namespace {

TEST(Arguments, OfAnObjectKeepTheirText) {
  for (const std::string_view text :
       {R"({"n":9223372036854775807,"x":1.0})", "{}", R"({ "a" : [1e5] })"}) {
    EXPECT_TRUE(LooksLikeObject(text));
    const Result<std::string_view> object = ObjectArguments(text, "messages[0]");
    ASSERT_TRUE(object.ok());
    EXPECT_EQ(*object, text);
  }
  EXPECT_EQ(*ObjectArguments(" \n", "p"), "{}");
  EXPECT_EQ(*ObjectArguments(" {} ", "p"), "{}");
}

TEST(Arguments, ThatAreNoObjectAreRefusedWithTheirPath) {
  for (const std::string_view text : {"[1]", "{\"a\":}", "{", "x", "{} {}", "{\"a\":1"}) {
    const Result<std::string_view> object = ObjectArguments(text, "messages[3].tool_calls[0]");
    ASSERT_FALSE(object.ok()) << text;
    EXPECT_EQ(object.error().field, "messages[3].tool_calls[0]");
    EXPECT_EQ(object.error().retry, Retry::kOtherTarget);
  }
}

}  // namespace
}  // namespace tidegate::protocols
