#include "emulator/rate_limit.h"

#include <gtest/gtest.h>

namespace tidegate::emulator {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(RateLimit, RequestsOverTheMinuteWaitForItsEnd) {
  RateLimit limit(2, 0);
  EXPECT_TRUE(limit.Admit(100 * kSecond).admitted);
  const RateLimit::Decision second = limit.Admit(110 * kSecond);
  EXPECT_TRUE(second.admitted);
  EXPECT_EQ(second.remaining, 0);
  const RateLimit::Decision third = limit.Admit(120 * kSecond);
  EXPECT_FALSE(third.admitted);
  EXPECT_EQ(third.retry_after_s, 40);
  EXPECT_TRUE(limit.Admit(160 * kSecond).admitted);
}

TEST(RateLimit, TokensOverTheMinuteWaitForItsEndToo) {
  RateLimit limit(0, 0, 100);
  EXPECT_EQ(limit.Admit(0).tokens_left, 100);
  limit.Leave(99);
  const RateLimit::Decision second = limit.Admit(kSecond);
  EXPECT_TRUE(second.admitted);
  EXPECT_EQ(second.tokens_left, 1);
  limit.Leave(50);
  const RateLimit::Decision third = limit.Admit(2 * kSecond);
  EXPECT_FALSE(third.admitted);
  EXPECT_EQ(third.tokens_left, 0);
  EXPECT_EQ(third.retry_after_s, 58);
  EXPECT_EQ(limit.Admit(60 * kSecond).tokens_left, 100);
}

TEST(RateLimit, ConcurrentRequestsAreAdmittedAgainWhenOneLeaves) {
  RateLimit limit(0, 1);
  EXPECT_TRUE(limit.Admit(0).admitted);
  const RateLimit::Decision second = limit.Admit(0);
  EXPECT_FALSE(second.admitted);
  EXPECT_EQ(second.retry_after_s, 1);
  limit.Leave();
  EXPECT_TRUE(limit.Admit(0).admitted);
}

}  // namespace
}  // namespace tidegate::emulator
