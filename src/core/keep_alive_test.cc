#include "core/keep_alive.h"

#include <limits>

#include <gtest/gtest.h>

namespace tidegate::core {
namespace {

TEST(Duration, IsReadAsGoWritesIt) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(ParseDuration("5m"), 300 * kSecond);
  EXPECT_EQ(ParseDuration("1h30m"), 5400 * kSecond);
  EXPECT_EQ(ParseDuration("1.5s"), 3 * kSecond / 2);
  EXPECT_EQ(ParseDuration("100ms"), kSecond / 10);
  EXPECT_EQ(ParseDuration("3us"), 3000);
  EXPECT_EQ(ParseDuration("3\xC2\xB5s"), 3000);
  EXPECT_EQ(ParseDuration("7ns"), 7);
  EXPECT_EQ(ParseDuration("0"), 0);
  EXPECT_EQ(ParseDuration("0s"), 0);
  EXPECT_EQ(ParseDuration("-1s"), -kSecond);
  EXPECT_EQ(ParseDuration("+1m"), 60 * kSecond);
  EXPECT_EQ(ParseDuration("99999999h"), std::numeric_limits<std::int64_t>::max());
}

TEST(Duration, IsNothingElse) {
  for (const char* text : {"", "-", "5", "-1", "m", "5 m", "1.2.3s", "1e3s", "5mm", "inf", "1d"}) {
    EXPECT_FALSE(ParseDuration(text).has_value()) << text;
  }
}

TEST(KeepAlive, OfANegativeTimeIsForEver) {
  EXPECT_EQ(ParseKeepAlive("10m"), 600'000'000'000);
  EXPECT_EQ(ParseKeepAlive("-3h"), -1);
  EXPECT_EQ(ParseKeepAlive("0"), 0);
  EXPECT_FALSE(ParseKeepAlive("soon").has_value());
  EXPECT_EQ(KeepAliveOfSeconds(1.5), 1'500'000'000);
  EXPECT_EQ(KeepAliveOfSeconds(-0.5), -1);
  EXPECT_EQ(KeepAliveOfSeconds(1e300), std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace tidegate::core
