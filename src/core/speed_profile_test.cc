#include "core/speed_profile.h"

#include <gtest/gtest.h>

namespace tidegate::core {
namespace {

SpeedPoint Point(std::int64_t prompt_tokens, int at_once, double ttft_ms, double speed) {
  SpeedPoint point;
  point.prompt_tokens = prompt_tokens;
  point.at_once = at_once;
  point.ttft_ms_p50 = ttft_ms;
  point.tokens_per_s = speed;
  return point;
}

// Out of order, as a file may have them.
SpeedProfile Measured() {
  return SpeedProfile(
      {Point(1'000, 4, 4'000, 8), Point(100, 1, 150, 40), Point(1'000, 1, 1'050, 20),
       Point(100, 2, 300, 30), Point(3'000, 1, 4'050, 10)},
      1'700'000'000, "threads 2");
}

TEST(SpeedProfile, ReadsAPromptInATimeOnTheLineBetweenTwoMeasuredLengths) {
  const SpeedProfile profile = Measured();
  EXPECT_DOUBLE_EQ(profile.TtftMs(100), 150);
  EXPECT_DOUBLE_EQ(profile.TtftMs(550), 600);
  EXPECT_DOUBLE_EQ(profile.TtftMs(1'000), 1'050) << "one request alone, not four at once";
}

TEST(SpeedProfile, GoesOnWithTheLastSlopeBeyondWhatWasMeasured) {
  const SpeedProfile profile = Measured();
  EXPECT_DOUBLE_EQ(profile.TtftMs(5'000), 4'050 + 2'000 * 1.5);
  EXPECT_DOUBLE_EQ(profile.TtftMs(0), 50) << "what every request costs, however short";
}

TEST(SpeedProfile, TimesThatFallWithTheLengthAreNoiseAndGiveNoNegativeTime) {
  const SpeedProfile profile({Point(100, 1, 90, 1), Point(200, 1, 80, 1)}, 0, "");
  EXPECT_DOUBLE_EQ(profile.TtftMs(100'000), 80);
  EXPECT_DOUBLE_EQ(profile.TtftMs(0), 90);
  const SpeedProfile steep({Point(1'000, 1, 100, 1), Point(2'000, 1, 1'000, 1)}, 0, "");
  EXPECT_DOUBLE_EQ(steep.TtftMs(0), 0);
  EXPECT_DOUBLE_EQ(steep.TtftMs(500), 50) << "its share of the shortest that was measured";
}

TEST(SpeedProfile, OneLengthAloneMeansTimeInProportion) {
  const SpeedProfile profile({Point(500, 1, 1'000, 20)}, 0, "");
  EXPECT_DOUBLE_EQ(profile.TtftMs(2'000), 4'000);
  EXPECT_DOUBLE_EQ(profile.TtftMs(250), 500);
}

TEST(SpeedProfile, WritesSlowerTheMoreWriteAtOnceAndTheLongerThePromptIs) {
  const SpeedProfile profile = Measured();
  EXPECT_DOUBLE_EQ(profile.TokensPerSecond(100, 1), 40);
  EXPECT_DOUBLE_EQ(profile.TokensPerSecond(100, 2), 30);
  EXPECT_DOUBLE_EQ(profile.TokensPerSecond(1'000, 2), 16);
  EXPECT_DOUBLE_EQ(profile.TokensPerSecond(550, 1), 30);
  EXPECT_DOUBLE_EQ(profile.TokensPerSecond(9'000, 1), 10);
  EXPECT_DOUBLE_EQ(profile.TokensPerSecond(1, 0), 40);
}

TEST(SpeedProfile, SharesWhatAllGetTogetherAmongMoreThanWereMeasured) {
  EXPECT_DOUBLE_EQ(Measured().TokensPerSecond(1'000, 8), 4);
  EXPECT_DOUBLE_EQ(Measured().TokensPerSecond(100, 6), 10);
}

}  // namespace
}  // namespace tidegate::core
