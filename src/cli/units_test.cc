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
  EXPECT_EQ(FormatRate(100, 2'000'000'000), "50.00 tokens/s");
  EXPECT_EQ(FormatRate(0, 2'000'000'000), "0.00 tokens/s");
  EXPECT_EQ(FormatAccepted(30, 37), "30/37 (81 %)");
}

TEST(Units, DurationsAsGoWritesThem) {
  EXPECT_EQ(FormatGoDuration(0), "0s");
  EXPECT_EQ(FormatGoDuration(999), "999ns");
  EXPECT_EQ(FormatGoDuration(1'500), "1.5µs");
  EXPECT_EQ(FormatGoDuration(4'927'561), "4.927561ms");
  EXPECT_EQ(FormatGoDuration(1'234'500'000), "1.2345s");
  EXPECT_EQ(FormatGoDuration(2'000'000'001), "2.000000001s");
  EXPECT_EQ(FormatGoDuration(79'000'000'000), "1m19s");
  EXPECT_EQ(FormatGoDuration(11'405'250'000'000), "3h10m5.25s");
  EXPECT_EQ(FormatGoDuration(-1'000'000), "-1ms");
}

}  // namespace
}  // namespace tidegate::cli
