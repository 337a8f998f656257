#include "engine/measure.h"

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

constexpr std::int64_t kMs = 1'000'000;

AnswerTimes Answer(std::int64_t sent_ms, std::int64_t first_ms, std::int64_t end_ms) {
  AnswerTimes times;
  times.sent = sent_ms * kMs;
  times.first_token = first_ms * kMs;
  times.end = end_ms * kMs;
  times.prompt_tokens = 100;
  times.output_tokens = 20;
  times.prompt_ms = 50;
  times.output_ms = 400;
  return times;
}

TEST(Percentile, IsAMeasurementOrLiesOnTheLineBetweenTwo) {
  EXPECT_DOUBLE_EQ(Median({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(Median({4, 1}), 2.5);
  EXPECT_DOUBLE_EQ(Percentile({10, 20, 30, 40, 50}, 0.95), 48);
  EXPECT_DOUBLE_EQ(Percentile({7}, 0.95), 7);
  EXPECT_DOUBLE_EQ(Percentile({}, 0.5), 0);
}

TEST(Summarise, TakesEachFigureFromItsOwnTimes) {
  const Round rounds[] = {{{Answer(0, 100, 500)}, false}, {{Answer(1'000, 1'140, 1'540)}, false}};
  const core::SpeedPoint point = Summarise(rounds);
  EXPECT_EQ(point.prompt_tokens, 100);
  EXPECT_EQ(point.at_once, 1);
  EXPECT_EQ(point.requests, 2);
  EXPECT_DOUBLE_EQ(point.ttft_ms_p50, 120);
  EXPECT_DOUBLE_EQ(point.ttft_ms_p95, 138);
  EXPECT_DOUBLE_EQ(point.prompt_tokens_per_s, 2'000);
  EXPECT_DOUBLE_EQ(point.tokens_per_s, 50);
  EXPECT_DOUBLE_EQ(point.tokens_per_s_total, 50);
  EXPECT_FALSE(point.disturbed);
}

TEST(Summarise, WhatIsWrittenAtOnceAddsUpFromTheFirstTokenToTheLast) {
  const Round rounds[] = {{{Answer(0, 100, 600), Answer(0, 200, 1'100)}, false}};
  const core::SpeedPoint point = Summarise(rounds);
  EXPECT_EQ(point.at_once, 2);
  EXPECT_DOUBLE_EQ(point.tokens_per_s_total, 40);
  EXPECT_DOUBLE_EQ(point.tokens_per_s, 50);
}

TEST(Summarise, SaysWhenOthersTookPartOrSomethingHadBeenReadBefore) {
  const Round disturbed[] = {{{Answer(0, 1, 2)}, false}, {{Answer(0, 1, 2)}, true}};
  EXPECT_TRUE(Summarise(disturbed).disturbed);
  AnswerTimes cached = Answer(0, 1, 2);
  cached.cached_tokens = 5;
  const Round read_before[] = {{{cached}, false}};
  EXPECT_TRUE(Summarise(read_before).disturbed);
}

TEST(Summarise, ATimeOfZeroIsNoSpeed) {
  AnswerTimes instant = Answer(0, 10, 10);
  instant.prompt_ms = instant.output_ms = 0;
  const Round rounds[] = {{{instant}, false}};
  const core::SpeedPoint point = Summarise(rounds);
  EXPECT_EQ(point.tokens_per_s, 0);
  EXPECT_EQ(point.prompt_tokens_per_s, 0);
  EXPECT_EQ(point.tokens_per_s_total, 0);
}

}  // namespace
}  // namespace tidegate::engine
