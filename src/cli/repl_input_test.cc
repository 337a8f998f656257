#include "cli/repl_input.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

TEST(ReplInput, ALineIsAMessageUnlessItBeginsWithASlash) {
  ReplInput input;
  EXPECT_EQ(input.Feed("hello").kind, ReplKind::kMessage);
  EXPECT_EQ(input.Feed("   ").kind, ReplKind::kNothing);
  EXPECT_EQ(input.Feed("/bye").kind, ReplKind::kBye);
  EXPECT_EQ(input.Feed("/clear ").kind, ReplKind::kClear);
  EXPECT_EQ(input.Feed("/?").kind, ReplKind::kHelp);
  EXPECT_EQ(input.Feed("/frob").kind, ReplKind::kUnknown);
  const ReplStep system = input.Feed("/set system  be brief ");
  EXPECT_EQ(system.kind, ReplKind::kSetSystem);
  EXPECT_EQ(system.text, "be brief");
  EXPECT_EQ(input.Feed("/set system").text, "");
  EXPECT_EQ(input.Feed("/set systematic").kind, ReplKind::kUnknown);
}

TEST(ReplInput, ThreeQuotesBeginAndEndAMessageOfSeveralLines) {
  ReplInput input;
  EXPECT_EQ(input.Feed("\"\"\"first").kind, ReplKind::kMore);
  EXPECT_TRUE(input.open());
  EXPECT_EQ(input.Feed("/bye is text here").kind, ReplKind::kMore);
  const ReplStep step = input.Feed("last\"\"\"");
  EXPECT_EQ(step.kind, ReplKind::kMessage);
  EXPECT_EQ(step.text, "first\n/bye is text here\nlast");
  EXPECT_FALSE(input.open());
  EXPECT_EQ(input.Feed("\"\"\"one line\"\"\"").text, "one line");
}

TEST(ReplInput, AResetForgetsAnUnfinishedMessage) {
  ReplInput input;
  input.Feed("\"\"\"begun");
  input.Reset();
  EXPECT_EQ(input.Feed("new").text, "new");
}

}  // namespace
}  // namespace tidegate::cli
