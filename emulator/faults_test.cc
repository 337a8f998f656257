#include "emulator/faults.h"

#include <gtest/gtest.h>

namespace tidegate::emulator {
namespace {

TEST(Faults, AListOfWordsSetsEachMember) {
  const Result<Faults> faults =
      ParseFaults(" cut_after=5 , rst,error_rate=0.25, status=529,content_length=-3,usage=never");
  ASSERT_TRUE(faults.ok());
  EXPECT_EQ(faults->cut_after, 5);
  EXPECT_EQ(faults->rst, true);
  EXPECT_EQ(faults->error_rate, 0.25);
  EXPECT_EQ(faults->status, 529);
  EXPECT_EQ(faults->content_length, -3);
  EXPECT_EQ(faults->usage, UsagePolicy::kNever);
  EXPECT_EQ(faults->stall_after, std::nullopt);
}

TEST(Faults, AnEmptyListSetsNothing) {
  const Result<Faults> faults = ParseFaults("  ");
  ASSERT_TRUE(faults.ok());
  EXPECT_FALSE(faults->NeedsWire());
  EXPECT_EQ(faults->status, std::nullopt);
}

TEST(Faults, AWordThatNobodyKnowsOrAValueOutOfRangeIsAnErrorThatNamesTheWord) {
  for (const auto& [text, word] : {std::pair<std::string, std::string>{"typo", "typo"},
                                   {"rst,cut_after", "cut_after"},
                                   {"cut_after=-1", "cut_after"},
                                   {"cut_after=5x", "cut_after"},
                                   {"status=200", "status"},
                                   {"error_rate=1.5", "error_rate"},
                                   {"error_rate=nan", "error_rate"},
                                   {"rst=maybe", "rst"},
                                   {"usage=sometimes", "usage"}}) {
    const Result<Faults> faults = ParseFaults(text);
    ASSERT_FALSE(faults.ok()) << text;
    EXPECT_EQ(faults.error().field, word) << text;
  }
}

TEST(Faults, MergingReplacesOnlyWhatTheSecondListSets) {
  Faults faults = *ParseFaults("cut_after=5,rst");
  faults.Merge(*ParseFaults("cut_after=7,rst=false"));
  faults.Merge(*ParseFaults("no_usage"));
  EXPECT_EQ(faults.cut_after, 7);
  EXPECT_EQ(faults.no_usage, true);
  EXPECT_FALSE(faults.NeedsWire());
}

}  // namespace
}  // namespace tidegate::emulator
