#include "cli/repl_input.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

using Words = std::vector<std::string>;

ReplStep Feed(std::string_view line) { return ReplInput().Feed(line); }

TEST(ReplInput, ALineIsAMessageUnlessItBeginsWithASlash) {
  EXPECT_EQ(Feed("hello").kind, ReplKind::kMessage);
  EXPECT_EQ(Feed("  hello").text, "  hello");
  EXPECT_EQ(Feed("   ").kind, ReplKind::kNothing);
  EXPECT_EQ(Feed("/bye").kind, ReplKind::kBye);
  EXPECT_EQ(Feed("/clear ").kind, ReplKind::kClear);
  EXPECT_EQ(Feed("/list").kind, ReplKind::kList);
  EXPECT_EQ(Feed("/frob x").kind, ReplKind::kUnknown);
  EXPECT_EQ(Feed("/frob x").text, "/frob x");
  EXPECT_EQ(Feed("/byebye").kind, ReplKind::kUnknown);
}

TEST(ReplInput, APathIsAMessage) {
  EXPECT_EQ(Feed("/tmp/cat.png what is it?").kind, ReplKind::kMessage);
  EXPECT_EQ(Feed("/cat.png").kind, ReplKind::kMessage);
  EXPECT_EQ(Feed("/etc/hosts").kind, ReplKind::kMessage);
}

TEST(ReplInput, SetHasItsWords) {
  const ReplStep system = Feed("/set system  be \"brief\" ");
  EXPECT_EQ(system.kind, ReplKind::kSetSystem);
  EXPECT_EQ(system.text, "be \"brief\"");
  EXPECT_EQ(Feed("/set system").text, "");
  EXPECT_EQ(Feed("/set systematic").kind, ReplKind::kUnknown);
  const ReplStep parameter = Feed("/set parameter stop \"a b\" END");
  EXPECT_EQ(parameter.kind, ReplKind::kSetParameter);
  EXPECT_EQ(parameter.words, (Words{"stop", "a b", "END"}));
  EXPECT_EQ(Feed("/set parameter num_ctx").text, "parameter");
  EXPECT_EQ(Feed("/set think").text, "true");
  EXPECT_EQ(Feed("/set think high").text, "high");
  EXPECT_EQ(Feed("/set nothink").text, "false");
  EXPECT_EQ(Feed("/set format json").text, "json");
  EXPECT_EQ(Feed("/set format xml").kind, ReplKind::kHelp);
  EXPECT_EQ(Feed("/set noformat").kind, ReplKind::kSetFormat);
  EXPECT_EQ(Feed("/set noformat").text, "");
  EXPECT_EQ(Feed("/set").kind, ReplKind::kHelp);
  EXPECT_EQ(Feed("/set").text, "set");
}

TEST(ReplInput, SwitchesHaveTwoWords) {
  const auto expect = [](const char* line, ReplKind kind, bool on) {
    const ReplStep step = Feed(line);
    EXPECT_EQ(step.kind, kind) << line;
    EXPECT_EQ(step.on, on) << line;
  };
  expect("/set history", ReplKind::kSetHistory, true);
  expect("/set nohistory", ReplKind::kSetHistory, false);
  expect("/set wordwrap", ReplKind::kSetWordWrap, true);
  expect("/set nowordwrap", ReplKind::kSetWordWrap, false);
  expect("/set verbose", ReplKind::kSetVerbose, true);
  expect("/set quiet", ReplKind::kSetVerbose, false);
}

TEST(ReplInput, ShowLoadAndSaveNameWhatTheyWant) {
  EXPECT_EQ(Feed("/show info").text, "info");
  EXPECT_EQ(Feed("/show info").kind, ReplKind::kShow);
  EXPECT_EQ(Feed("/show").text, "show");
  EXPECT_EQ(Feed("/show secrets").kind, ReplKind::kHelp);
  EXPECT_EQ(Feed("/load llama3.2:1b").kind, ReplKind::kLoad);
  EXPECT_EQ(Feed("/load llama3.2:1b").text, "llama3.2:1b");
  EXPECT_EQ(Feed("/save").kind, ReplKind::kHelp);
  EXPECT_EQ(Feed("/save mine").kind, ReplKind::kSave);
}

TEST(ReplInput, HelpHasTopicsAndEachItsPage) {
  EXPECT_EQ(Feed("/?").text, "");
  EXPECT_EQ(Feed("/? shortcuts").text, "shortcuts");
  EXPECT_EQ(Feed("/help /set").text, "set");
  EXPECT_EQ(Feed("/help nonsense").text, "");
  for (const char* topic : {"", "set", "show", "parameter", "shortcuts"}) {
    EXPECT_TRUE(ReplHelp(topic).ends_with('\n')) << topic;
    EXPECT_EQ(ReplHelp(topic) == ReplHelp(""), *topic == '\0') << topic;
  }
  EXPECT_NE(ReplHelp("parameter").find("repeat_penalty"), std::string::npos);
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
  EXPECT_EQ(input.Feed("\"\"\"\"\"\"").kind, ReplKind::kNothing);
}

TEST(ReplInput, ASystemMessageMayHaveSeveralLinesToo) {
  ReplInput input;
  EXPECT_EQ(input.Feed("/set system \"\"\"be").kind, ReplKind::kMore);
  const ReplStep step = input.Feed("brief\"\"\"");
  EXPECT_EQ(step.kind, ReplKind::kSetSystem);
  EXPECT_EQ(step.text, "be\nbrief");
  EXPECT_EQ(input.Feed("/set system \"\"\"one line\"\"\"").text, "one line");
}

TEST(ReplInput, AResetForgetsAnUnfinishedMessage) {
  ReplInput input;
  input.Feed("\"\"\"begun");
  input.Reset();
  EXPECT_EQ(input.Feed("new").text, "new");
}

}  // namespace
}  // namespace tidegate::cli
