#include "emulator/pace.h"

#include <gtest/gtest.h>

namespace tidegate::emulator {
namespace {

constexpr std::int64_t kMs = 1'000'000;

TEST(Pace, TokensFollowTheFirstAtExactlyTheSpeed) {
  const Pace pace({320, 180, 0, 1}, 181);
  EXPECT_EQ(pace.DueNanos(0), 320 * kMs);
  EXPECT_EQ(pace.DueNanos(90), 820 * kMs);    // half a second later
  EXPECT_EQ(pace.DueNanos(180), 1320 * kMs);  // a second later, without an error of rounding
  EXPECT_EQ(pace.frame_tokens(), 1U);
}

TEST(Pace, TokensDueGrowWithTime) {
  const Pace pace({100, 10, 0, 1}, 5);
  EXPECT_EQ(pace.TokensDueBy(100 * kMs - 1), 0U);
  EXPECT_EQ(pace.TokensDueBy(100 * kMs), 1U);
  EXPECT_EQ(pace.TokensDueBy(200 * kMs), 2U);
  EXPECT_EQ(pace.TokensDueBy(3'600'000 * kMs), 5U);
}

TEST(Pace, UnlimitedSpeedMakesAllTokensDueAtTheFirst) {
  const Pace pace({7, 0, 0, 1}, 1000);
  EXPECT_EQ(pace.DueNanos(999), 7 * kMs);
  EXPECT_EQ(pace.frame_tokens(), kUnlimitedFrameTokens);
}

TEST(Pace, FramesAreSharedOnlyAboveTheGreatestFrameRate) {
  EXPECT_EQ(Pace({0, kFramesPerSecondMax, 0, 1}, 1).frame_tokens(), 1U);
  EXPECT_EQ(Pace({0, kFramesPerSecondMax + 1, 0, 1}, 1).frame_tokens(), 2U);
  EXPECT_EQ(Pace({0, 3 * kFramesPerSecondMax, 0, 1}, 1).frame_tokens(), 3U);
}

TEST(Pace, JitterStaysInItsBoundsAndIsTheSameForTheSameSeed) {
  const PaceOptions options{100, 100, 0.5, 42};
  const Pace pace(options, 500);
  const Pace again(options, 500);
  bool varied = false;
  EXPECT_GE(pace.DueNanos(0), 50 * kMs);
  EXPECT_LE(pace.DueNanos(0), 150 * kMs);
  for (std::size_t i = 1; i < pace.tokens(); ++i) {
    const std::int64_t step = pace.DueNanos(i) - pace.DueNanos(i - 1);
    EXPECT_GE(step, 5 * kMs);
    EXPECT_LE(step, 15 * kMs);
    varied = varied || step != 10 * kMs;
    EXPECT_EQ(pace.DueNanos(i), again.DueNanos(i));
  }
  EXPECT_TRUE(varied);
}

}  // namespace
}  // namespace tidegate::emulator
