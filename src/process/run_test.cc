#include "process/run.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "process/output_tail.h"

namespace tidegate::process {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

SpawnOptions Shell(const std::string& script) {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", script};
  options.environment = {"PATH=/usr/bin:/bin"};
  return options;
}

TEST(RunTest, GivesEveryLineAsItComesAndTheLastWithoutItsEnd) {
  std::vector<std::string> lines;
  const auto result = RunProgram(Shell("echo one; echo; printf three"), {20 * kSecond, 1024},
                                 [&](std::string_view line) { lines.emplace_back(line); });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "three"}));
}

TEST(RunTest, CutsALineThatNeverEnds) {
  std::size_t longest = 0, total = 0;
  const auto result = RunProgram(Shell("head -c 100000 /dev/zero"), {20 * kSecond, 1024},
                                 [&](std::string_view line) {
                                   longest = std::max(longest, line.size());
                                   total += line.size();
                                 });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(longest, kRunLineBytesMax);
  EXPECT_EQ(total, 100'000U);
}

TEST(RunTest, KeepsTheEndOfAnOutputThatIsTooLong) {
  const auto result = RunProgram(Shell("head -c 1000000 /dev/zero; printf END"), {20 * kSecond, 8});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output, std::string("\0\0\0\0\0END", 8));
  EXPECT_TRUE(result->output_dropped);
}

TEST(RunTest, StopsAProgramThatTakesTooLong) {
  const std::int64_t before = SystemClock().MonotonicNanos();
  const auto result = RunProgram(Shell("while :; do sleep 1000; done"), {kSecond / 10, 1024});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_LT(SystemClock().MonotonicNanos() - before, 10 * kSecond);
}

TEST(RunTest, StopsAProgramWhenAsked) {
  std::stop_source stop;
  const auto result = RunProgram(
      Shell("echo begun; while :; do sleep 1000; done"), {60 * kSecond, 1024},
      [&](std::string_view line) {
        EXPECT_EQ(line, "begun");
        stop.request_stop();
      },
      stop.get_token());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
}

TEST(RunTest, StopsAProgramThatNeverStopsPrinting) {
  const auto result = RunProgram(Shell("while :; do echo flood; done"), {kSecond / 10, 1024});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kDeadlineExceeded);
}

TEST(RunTest, DoesNotWaitForADescendantThatKeepsTheOutputOpen) {
  const auto result = RunProgram(Shell("sleep 1000 & echo started"), {20 * kSecond, 1024});
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->status.ok());
  EXPECT_EQ(result->output, "started\n");
}

TEST(RunTest, WaitsForAProgramThatHasClosedItsOutput) {
  const auto result =
      RunProgram(Shell("exec >&- 2>&-; i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; exit 4"),
                 {20 * kSecond, 1024});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->status.value, 4);
}

TEST(OutputTailTest, KeepsEverythingUntilItIsFull) {
  OutputTail tail(8);
  tail.Append("abc");
  tail.Append("defgh");
  EXPECT_EQ(tail.Text(), "abcdefgh");
  EXPECT_FALSE(tail.dropped());
}

TEST(OutputTailTest, DropsTheOldestBytesInAnySplit) {
  std::string all;
  for (int i = 0; i < 60; ++i) all += static_cast<char>('A' + i);
  for (std::size_t piece = 1; piece <= 25; ++piece) {
    OutputTail tail(10);
    for (std::size_t at = 0; at < all.size(); at += piece) tail.Append(all.substr(at, piece));
    EXPECT_EQ(tail.Text(), all.substr(all.size() - 10)) << piece;
    EXPECT_TRUE(tail.dropped());
  }
}

TEST(OutputTailTest, IsEmptyAfterClear) {
  OutputTail tail(4);
  tail.Append("abcdef");
  tail.Clear();
  EXPECT_EQ(tail.Text(), "");
  tail.Append("xy");
  EXPECT_EQ(tail.Text(), "xy");
}

}  // namespace
}  // namespace tidegate::process
