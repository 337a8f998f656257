#include "cli/time_text.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86'400;

TEST(TimeText, ReadsTheTimesOfTheProtocol) {
  EXPECT_EQ(ParseTime("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseTime("2026-11-22T10:45:00Z"), 1'795'344'300);
  EXPECT_EQ(ParseTime("2026-11-22T10:45:00.123456789+01:30"), 1'795'344'300 - 90 * kMinute);
  EXPECT_EQ(ParseTime("2026-11-22T10:45:00-08:00"), 1'795'344'300 + 8 * kHour);
  EXPECT_EQ(ParseTime("2024-02-29T23:59:59Z"), 1'709'251'199);
  EXPECT_EQ(ParseTime("0001-01-01T00:00:00Z"), -62'135'596'800);
  EXPECT_EQ(ParseTime("2318-11-04T00:00:00Z"), 11'008'310'400);
}

TEST(TimeText, WhatIsNoTimeIsNone) {
  for (const char* bad : {"", "yesterday", "2026-13-01T00:00:00Z", "2026-11-22",
                          "2026-11-22T10:45:00", "2026-11-22T10:45:00.Z", "2026-11-22T24:00:00Z",
                          "2026-11-22T10:45:00Zjunk", "2026-11-22T10:45:00+99:00"}) {
    EXPECT_FALSE(ParseTime(bad)) << bad;
  }
}

TEST(TimeText, SaysHowLongAgoInTheWordsThatPeopleKnow) {
  constexpr std::int64_t kNow = 1'795'344'300;
  const auto ago = [](std::int64_t seconds) { return RelativeTime(kNow - seconds, kNow, "Never"); };
  EXPECT_EQ(ago(0), "Less than a second ago");
  EXPECT_EQ(ago(1), "1 second ago");
  EXPECT_EQ(ago(59), "59 seconds ago");
  EXPECT_EQ(ago(90), "About a minute ago");
  EXPECT_EQ(ago(5 * kMinute), "5 minutes ago");
  EXPECT_EQ(ago(80 * kMinute), "About an hour ago");
  EXPECT_EQ(ago(47 * kHour), "47 hours ago");
  EXPECT_EQ(ago(3 * kDay), "3 days ago");
  EXPECT_EQ(ago(15 * kDay), "2 weeks ago");
  EXPECT_EQ(ago(100 * kDay), "3 months ago");
  EXPECT_EQ(ago(800 * kDay), "2 years ago");
  EXPECT_EQ(ago(-4 * kMinute - 30), "4 minutes from now");
  EXPECT_EQ(ago(-30 * 365 * kDay), "Forever");
  EXPECT_EQ(RelativeTime(*ParseTime("0001-01-01T00:00:00Z"), kNow, "Never"), "Never");
}

}  // namespace
}  // namespace tidegate::cli
