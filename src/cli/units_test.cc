#include "cli/units.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

TEST(Units, DurationsReadAsPeopleSayThem) {
  EXPECT_EQ(FormatDuration(420), "420 µs");
  EXPECT_EQ(FormatDuration(340'000), "340 ms");
  EXPECT_EQ(FormatDuration(1'240'000), "1.24 s");
  EXPECT_EQ(FormatDuration(125'000'000), "2 m 05 s");
  EXPECT_EQ(FormatDuration(11'400'000'000), "3 h 10 m");
}

TEST(Units, CountsBytesMoneyAndRates) {
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(131'072), "131,072");
  EXPECT_EQ(FormatCount(-1'234'567), "-1,234,567");
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(4'700'000'000), "4.7 GB");
  EXPECT_EQ(FormatBytes(637'000'000), "637 MB");
  EXPECT_EQ(FormatDollars(Money{2'340'000}), "$0.00234");
  EXPECT_EQ(FormatDollars(Money{-1'500'000'000}), "-$1.50");
  EXPECT_EQ(FormatRate(100, 2'000'000), "50.0 tokens/s");
  EXPECT_EQ(FormatRate(0, 2'000'000), "");
}

}  // namespace
}  // namespace tidegate::cli
