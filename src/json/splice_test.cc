#include "json/splice.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "json/reader.h"

namespace tidegate::json {
namespace {

// Removes the named members of the object `text`.
std::string Without(std::string_view text, const std::vector<std::string_view>& keys) {
  Reader reader;
  const Result<Value> root = reader.ParseCopy(text, 1U << 16U);
  EXPECT_TRUE(root.ok());
  Splice splice(reader.text());
  for (const Span span : RemovalSpans(*root->Object(), keys)) splice.Erase(span);
  return splice.Join();
}

TEST(RemovalSpans, TakeTheCommaThatMustGo) {
  const std::string_view text = R"({ "a" : 1 , "b" : [2, 3] ,"c":{} })";
  EXPECT_EQ(Without(text, {"a"}), R"({ "b" : [2, 3] ,"c":{} })");
  EXPECT_EQ(Without(text, {"b"}), R"({ "a" : 1 , "c":{} })");
  EXPECT_EQ(Without(text, {"c"}), R"({ "a" : 1 , "b" : [2, 3] })");
  EXPECT_EQ(Without(text, {"x"}), text);
}

TEST(RemovalSpans, OfEverySetOfMembersLeaveExactlyTheOthers) {
  const std::array<std::string_view, 5> keys = {"a", "b", "c", "d", "e"};
  const std::string_view text = R"({"a":{"b":1}, "b":"," ,"c":[],"d":null , "e":5})";
  Reader reader;
  for (unsigned set = 0; set < 32; ++set) {
    std::vector<std::string_view> removed;
    std::vector<std::string_view> kept;
    for (std::size_t i = 0; i < keys.size(); ++i)
      ((set >> i & 1U) != 0 ? removed : kept).push_back(keys[i]);
    const std::string left = Without(text, removed);
    const Result<Value> root = reader.ParseCopy(left, 1000);
    ASSERT_TRUE(root.ok()) << left;
    std::vector<std::string_view> found;
    for (const Member& member : *root->Object()) found.push_back(member.key);
    EXPECT_EQ(found, kept) << left;
  }
}

TEST(Splice, WithoutEditsIsTheText) {
  const std::string text = R"({"model":"gpt"})";
  const Splice splice(text);
  ASSERT_EQ(splice.Slices().size(), 1U);
  EXPECT_EQ(splice.Slices()[0].data(), text.data());
  EXPECT_TRUE(splice.empty());
}

TEST(Splice, ReplacesAndInsertsInTheOrderOfTheTextWhateverTheOrderOfTheCalls) {
  Splice splice("0123456789");
  splice.ReplaceOwned({6, 8}, std::string("six-seven"));
  splice.Insert(10, "!");
  splice.Replace({2, 3}, "two");
  splice.Insert(2, "<");
  splice.Insert(2, "=");
  splice.Insert(0, "^");
  splice.Erase({3, 4});
  EXPECT_EQ(splice.Join(), "^01<=two45six-seven89!");
  EXPECT_EQ(splice.Size(), splice.Join().size());
}

TEST(Splice, ViewsTheOriginalOutsideTheEdits) {
  const std::string text = "aaaaXbbbb";
  Splice splice(text);
  splice.Replace({4, 5}, "Y");
  const std::vector<std::string_view> slices = splice.Slices();
  ASSERT_EQ(slices.size(), 3U);
  EXPECT_EQ(slices[0].data(), text.data());
  EXPECT_EQ(slices[2].data(), text.data() + 5);
}

TEST(Splice, KeepsOwnedReplacementsWhenItMoves) {
  Splice splice("ab");
  splice.ReplaceOwned({0, 1}, std::string("x"));  // short strings live inside their object
  const Splice moved = std::move(splice);
  EXPECT_EQ(moved.Join(), "xb");
}

TEST(SpliceDeathTest, OverlappingEditsAreABug) {
  Splice splice("0123456789");
  splice.Erase({2, 5});
  splice.Erase({4, 6});
  EXPECT_DEATH((void)splice.Slices(), "");
}

}  // namespace
}  // namespace tidegate::json
