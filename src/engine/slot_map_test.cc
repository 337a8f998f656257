#include "engine/slot_map.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

// "ab" is the conversation of two messages that goes on from "a".
SlotMarks Marks(const std::string& conversation) {
  SlotMarks marks;
  for (std::size_t i = 1; i <= conversation.size(); ++i) {
    marks.push_back(ComputeSha256(conversation.substr(0, i)));
  }
  return marks;
}

KeptSlot File(const std::string& name, const std::string& conversation, std::int64_t tokens) {
  return {name, 1, tokens, 100, Marks(conversation).back()};
}

SlotReport Report(int slot, std::int64_t task, std::int64_t tokens = 500) {
  return {slot, tokens, task, false};
}

class SlotMapTest : public testing::Test {
 protected:
  void Answer(const std::string& conversation, std::vector<SlotReport> reports) {
    reports_ = std::move(reports);
    Answered(conversation);
    map_.Note(reports_);
  }
  void Answered(const std::string& conversation) {
    map_.Granted();
    map_.Answered(Marks(conversation));
  }
  std::string Wanted(const std::string& conversation) const {
    const std::optional<KeptSlot> kept = map_.Wanted(Marks(conversation));
    return kept ? kept->name : "";
  }
  std::optional<int> Taken(const std::string& conversation) const {
    return map_.TakenFor(Marks(conversation), reports_);
  }

  SlotMap map_{2};
  std::vector<SlotReport> reports_;
};

TEST_F(SlotMapTest, WhatGoesFurthestIsWantedUnlessASlotGoesAsFar) {
  map_.AddKept(File("begun", "a", 900));
  map_.AddKept(File("short", "ab", 300));
  map_.AddKept(File("long", "ab", 400));
  map_.AddKept(File("other", "b", 9'000));
  map_.AddKept({"unknown", 1, 9'000, 100, {}});
  EXPECT_EQ(Wanted("abc"), "long");
  EXPECT_EQ(Wanted("ac"), "begun");
  EXPECT_EQ(Wanted("cab"), "");
  EXPECT_FALSE(map_.Concerns(Marks("cab")));
  EXPECT_FALSE(map_.Concerns({}));
  Answer("a", {Report(0, 1)});
  EXPECT_EQ(Wanted("ac"), "");
  EXPECT_EQ(Wanted("abc"), "long");
  Answer("ab", {Report(0, 2)});
  EXPECT_EQ(Wanted("abc"), "");
  EXPECT_FALSE(map_.Concerns(Marks("abc")));
}

TEST_F(SlotMapTest, ASlotThatNobodyUsedIsTheFirstPlaceAndThenTheLongestUnused) {
  EXPECT_EQ(map_.PlaceFor({}), 1);
  EXPECT_EQ(map_.PlaceFor({Report(1, 7)}), 0);
  EXPECT_EQ(map_.PlaceFor({Report(1, 7), Report(0, 3)}), 0);
  EXPECT_EQ(map_.PlaceFor({Report(1, 7), {0, 500, 3, true}}), 1);
  EXPECT_EQ(map_.PlaceFor({{1, 500, 7, true}, {0, 500, 3, true}}), std::nullopt);
  map_.Place(1, File("f", "a", 300), -1);
  EXPECT_EQ(map_.PlaceFor({}), 0) << "it holds what was read";
}

TEST_F(SlotMapTest, OnlyWhatWentOnIsWorthWritingAndOnlyOnce) {
  Answer("a", {Report(0, 1)});
  EXPECT_FALSE(map_.WorthWriting(0)) << "one question";
  Answer("abc", {Report(0, 2)});
  EXPECT_TRUE(map_.WorthWriting(0));
  EXPECT_EQ(Taken("x"), std::nullopt) << "there is room";
  EXPECT_FALSE(map_.Concerns(Marks("x")));
  Answer("x", {Report(0, 2), Report(1, 3)});
  EXPECT_TRUE(map_.Concerns(Marks("y")));
  EXPECT_EQ(Taken("y"), 0);
  EXPECT_EQ(Taken("abcd"), std::nullopt) << "it goes on where it is";
  EXPECT_EQ(Taken("xy"), std::nullopt);
  EXPECT_EQ(map_.MarkOf(0), Marks("abc").back());
  map_.Clear(0, true);
  EXPECT_FALSE(map_.WorthWriting(0));
}

TEST_F(SlotMapTest, OneThatBeginsAlikeIsTakenBeforeTheLongestUnused) {
  Answer("x", {Report(0, 1)});
  Answer("sab", {Report(0, 1), Report(1, 2)});
  EXPECT_EQ(Taken("sz"), 1);
  EXPECT_EQ(Taken("z"), 0);
}

TEST_F(SlotMapTest, WhatWentOnReplacesItsFileAndWhatIsGoneFromASlotIsWantedFromTheDisk) {
  map_.Place(0, File("f", "a", 300), -1);
  EXPECT_TRUE(map_.IsKept(Report(0, -1)));
  Answer("ab", {Report(0, 1)});
  EXPECT_FALSE(map_.IsKept(Report(0, 1)));
  EXPECT_EQ(map_.Superseded(Report(0, 1, 310)), "f");
  EXPECT_TRUE(map_.WorthWriting(0)) << "it had come back before";
  Answer("x", {Report(0, 2)});
  EXPECT_EQ(map_.Superseded(Report(0, 2, 9'000)), "") << "another conversation";
  EXPECT_EQ(Wanted("ab"), "f");
  map_.Place(1, File("f", "a", 300), 5);
  EXPECT_EQ(Wanted("ab"), "");
  EXPECT_TRUE(map_.IsKept(Report(1, 5)));
}

TEST_F(SlotMapTest, OfAnswersThatEndTogetherTheOrderTellsAndElseNobodyKnows) {
  Answered("a");
  Answered("b");
  map_.Note({Report(1, 4), Report(0, 6)});
  EXPECT_EQ(map_.MarkOf(1), Marks("a").back());
  EXPECT_EQ(map_.MarkOf(0), Marks("b").back());
  map_.Place(0, File("f", "c", 300), 6);
  Answered("cd");
  map_.Note({Report(1, 8), Report(0, 9)});  // somebody else's without a conversation
  EXPECT_EQ(map_.MarkOf(0), Sha256{});
  EXPECT_EQ(map_.Superseded(Report(0, 9, 301)), "f") << "as far as its length tells";
  EXPECT_EQ(map_.Superseded(Report(0, 9, 299)), "");
  // One slot took both, one after the other.
  Answered("e");
  Answered("ef");
  map_.Note({Report(1, 8), Report(0, 12)});
  EXPECT_EQ(map_.MarkOf(0), Marks("ef").back());
}

TEST_F(SlotMapTest, AnAnswerWhoseSlotIsBusyAgainIsNotForgotten) {
  Answered("a");
  SlotReport busy = Report(0, 2);
  busy.busy = true;
  map_.Note({busy});  // with "ab", which came at once
  Answered("ab");
  map_.Note({Report(0, 2)});
  EXPECT_EQ(map_.MarkOf(0), Marks("ab").back());
  EXPECT_TRUE(map_.WorthWriting(0)) << "it went on";
}

TEST_F(SlotMapTest, WhereSlotsAreAlwaysBusyAnswersDoNotPileUp) {
  SlotReport busy = Report(0, 2);
  busy.busy = true;
  for (int i = 0; i < 4; ++i) {
    Answered("a");
    map_.Note({busy});
  }
  EXPECT_TRUE(map_.Concerns(Marks("y"))) << "it is remembered that there were some";
  Answered("a");
  map_.Note({busy});
  EXPECT_FALSE(map_.Concerns(Marks("y")));
}

TEST_F(SlotMapTest, WhatHasNoConversationIsNotLookedForAndMayHaveTakenASlot) {
  Answer("a", {Report(0, 1)});
  for (int i = 0; i < 9; ++i) Answered("");
  EXPECT_TRUE(map_.Concerns(Marks("ab"))) << "its slot may be another's by now";
  Answered("x");
  map_.Note({Report(0, 10), Report(1, 11)});
  EXPECT_EQ(map_.MarkOf(0), Sha256{});
  EXPECT_EQ(map_.MarkOf(1), Marks("x").back());
  EXPECT_FALSE(map_.Concerns(Marks("xy")));
}

TEST_F(SlotMapTest, AnAnswerThatIsOnItsWayIsWaitedFor) {
  map_.Granted();
  map_.Note({Report(0, 1)});
  EXPECT_EQ(map_.MarkOf(0), Sha256{});
  map_.Answered(Marks("a"));
  map_.Note({Report(0, 1)});
  EXPECT_EQ(map_.MarkOf(0), Marks("a").back());
  Answered("x");
  EXPECT_TRUE(map_.Concerns(Marks("y"))) << "both may be used by now";
  EXPECT_FALSE(map_.Concerns(Marks("xy"))) << "it goes on where that is";
  map_.Note({Report(0, 1), Report(1, 1)});
  EXPECT_FALSE(map_.Concerns(Marks("y")));
  // A request without a conversation, and one that was never sent.
  map_.Granted();
  map_.Granted();
  map_.Answered(Marks("b"));
  map_.Answered({});
  map_.Note({Report(0, 1), Report(1, 2)});
  EXPECT_EQ(map_.MarkOf(1), Marks("b").back());
}

}  // namespace
}  // namespace tidegate::engine
