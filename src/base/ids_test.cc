#include "base/ids.h"

#include <set>

#include <gtest/gtest.h>

namespace tidegate {
namespace {

TEST(RequestIdTest, AnIdIsReadBackFromItsText) {
  for (const RequestId id : {RequestId{0, 0}, RequestId{1, 2}, RequestId{~0ULL, ~0ULL}}) {
    EXPECT_EQ(id.ToString().size(), 26U);
    EXPECT_EQ(RequestId::Parse(id.ToString()), id);
  }
  EXPECT_EQ(RequestId::Parse("7zzzzzzzzzzzzzzzzzzzzzzzzz"), (RequestId{~0ULL, ~0ULL}));
}

TEST(RequestIdTest, WhatIsNotAnIdIsRefused) {
  for (const char* text : {"", "0", "80000000000000000000000000", "0000000000000000000000000I",
                           "000000000000000000000000000", "../../../etc/passwd0000000"}) {
    EXPECT_FALSE(RequestId::Parse(text).has_value()) << text;
  }
}

TEST(RequestIdTest, IdsOfASourceIncreaseAlsoWhenTheClockGoesBack) {
  FakeClock clock;
  RequestIdSource source;
  RequestId last = source.Next(clock.WallNanos());
  for (int i = 0; i < 10'000; ++i) {
    if (i == 3'000) clock.Advance(5'000'000);
    if (i == 6'000) clock.SetWall(1'000'000'000);
    const RequestId next = source.Next(clock.WallNanos());
    EXPECT_LT(last, next);
    EXPECT_LT(last.ToString(), next.ToString());
    last = next;
  }
}

TEST(RequestIdTest, TwoSourcesOfOneMomentDoNotCollide) {
  FakeClock clock;
  RequestIdSource a, b;
  std::set<RequestId> seen;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_TRUE(seen.insert(a.Next(clock.WallNanos())).second);
    EXPECT_TRUE(seen.insert(b.Next(clock.WallNanos())).second);
  }
}

}  // namespace
}  // namespace tidegate
