#include "base/money.h"

#include <gtest/gtest.h>

namespace tidegate {
namespace {

TEST(MoneyTest, ACostIsRoundedUpToTheNextNanoDollar) {
  EXPECT_EQ(Cost(1, Price{1}).nanodollars, 1);
  EXPECT_EQ(Cost(1'000'000, Price{2'500'000'000}).nanodollars, 2'500'000'000);
  EXPECT_EQ(Cost(1'000'001, Price{1}).nanodollars, 2);
  EXPECT_EQ(Cost(0, Price{5'000'000'000}).nanodollars, 0);
}

TEST(MoneyTest, SumsAndCostsSaturateInsteadOfWrapping) {
  EXPECT_EQ(Money::Max() + Money{1}, Money::Max());
  EXPECT_EQ(Money{-2} + Money{std::numeric_limits<std::int64_t>::min()},
            Money{std::numeric_limits<std::int64_t>::min()});
  EXPECT_EQ(Money{std::numeric_limits<std::int64_t>::min()} - Money{1},
            Money{std::numeric_limits<std::int64_t>::min()});
  EXPECT_EQ(Cost(std::numeric_limits<std::int64_t>::max(), Price{1'000'000'000'000}), Money::Max());
}

TEST(MoneyTest, DollarsAreWrittenWithoutExponentAndReadBackExactly) {
  EXPECT_EQ(FormatUsd(Money{0}), "0.00");
  EXPECT_EQ(FormatUsd(Money{1}), "0.000000001");
  EXPECT_EQ(FormatUsd(Money{2'340'000}), "0.00234");
  EXPECT_EQ(FormatUsd(Money{-1'500'000'000}), "-1.50");
  EXPECT_EQ(FormatUsd(Money{std::numeric_limits<std::int64_t>::min()}), "-9223372036.854775808");
  for (const std::int64_t nanos :
       {0LL, 1LL, 999'999'999LL, 12'345'678'901LL, 9'223'372'036'854'775'807LL}) {
    EXPECT_EQ(ParseUsd(FormatUsd(Money{nanos})), Money{nanos});
  }
}

TEST(MoneyTest, WhatIsNotAnAmountIsRefused) {
  for (const char* text :
       {"", ".", "-1", "+1", "1e3", "1.0000000001", "1,5", " 1", "9223372037", "0x1", "1.2.3"}) {
    EXPECT_FALSE(ParseUsd(text).has_value()) << text;
  }
  EXPECT_EQ(ParseUsd(".5"), Money{500'000'000});
  EXPECT_FALSE(MoneyFromDouble(-0.01).has_value());
  EXPECT_FALSE(MoneyFromDouble(std::numeric_limits<double>::quiet_NaN()).has_value());
  EXPECT_FALSE(MoneyFromDouble(1e300).has_value());
  EXPECT_EQ(MoneyFromDouble(0.02), Money{20'000'000});
}

}  // namespace
}  // namespace tidegate
