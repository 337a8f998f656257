#include "plan/estimator.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::plan {
namespace {

core::LiveState StateOf(const Estimator& estimator, std::size_t deployment = 0) {
  core::LiveState state;
  estimator.Snapshot(deployment, state);
  return state;
}

TEST(Estimator, KnowsNothingBeforeTheFirstMeasurementAndLeavesOtherFieldsAlone) {
  const Estimator estimator(2);
  core::LiveState state;
  state.queue_depth = 7;
  state.available = false;
  estimator.Snapshot(1, state);
  EXPECT_EQ(state.samples, 0);
  EXPECT_EQ(state.ttft_ms_p50, 0);
  EXPECT_EQ(state.queue_depth, 7);
  EXPECT_FALSE(state.available);
}

TEST(Estimator, FindsPercentilesWithinABucket) {
  Estimator estimator(1);
  for (int i = 0; i < 90; ++i)
    estimator.Observe(0, {.ttft_us = 200'000,
                          .generation_us = 1'000'000,
                          .output_tokens = 100});  // 200 ms, 100 tokens/s
  for (int i = 0; i < 10; ++i)
    estimator.Observe(0, {.ttft_us = 3'000'000,
                          .generation_us = 10'000'000,
                          .output_tokens = 100});  // 3 s, 10 tokens/s
  const core::LiveState state = StateOf(estimator);
  EXPECT_EQ(state.samples, 100);
  EXPECT_NEAR(state.ttft_ms_p50, 200, 200 * 0.07);
  EXPECT_NEAR(state.ttft_ms_p95, 3000, 3000 * 0.07);
  EXPECT_NEAR(state.tokens_per_s_p50, 100, 100 * 0.07);
  EXPECT_NEAR(state.tokens_per_s_p05, 10, 10 * 0.07);
}

TEST(Estimator, KnowsToWhichPromptsTheAnswersCame) {
  Estimator estimator(1);
  for (int i = 0; i < 9; ++i) estimator.Observe(0, {.prompt_tokens = 2'000, .ttft_us = 100'000});
  estimator.Observe(0, {.prompt_tokens = 10, .ttft_us = 100'000});
  estimator.Observe(0, {.prompt_tokens = 10, .output_tokens = 100});  // when it began is not known
  EXPECT_NEAR(StateOf(estimator).prompt_tokens_p50, 2'000, 2'000 * 0.07);
}

TEST(Estimator, ForgetsOldMeasurements) {
  Estimator estimator(1);
  for (int i = 0; i < 1000; ++i) estimator.Observe(0, {.ttft_us = 100'000});
  EXPECT_NEAR(StateOf(estimator).ttft_ms_p50, 100, 7);
  for (std::uint32_t i = 0; i < 2 * kDecaySamples; ++i)
    estimator.Observe(0, {.ttft_us = 1'000'000});
  EXPECT_NEAR(StateOf(estimator).ttft_ms_p50, 1000, 70);
  EXPECT_LE(StateOf(estimator).samples, 2 * static_cast<std::int64_t>(kDecaySamples));
}

TEST(Estimator, MeasuresNothingFromFailuresAndNoSpeedFromShortAnswers) {
  Estimator estimator(1);
  estimator.Observe(
      0, {.ttft_us = 500'000, .generation_us = 1'000'000, .output_tokens = 100, .ok = false});
  EXPECT_EQ(StateOf(estimator).samples, 0);
  estimator.Observe(
      0, {.ttft_us = 500'000, .generation_us = 10, .output_tokens = kSpeedTokensMin - 1});
  EXPECT_EQ(StateOf(estimator).samples, 1);
  EXPECT_EQ(StateOf(estimator).tokens_per_s_p50, 0);
}

TEST(Estimator, KeepsExtremesInItsOuterBuckets) {
  Estimator estimator(1);
  for (int i = 0; i < 3; ++i)
    estimator.Observe(0, {.ttft_us = INT64_MAX, .generation_us = 1, .output_tokens = INT64_MAX});
  EXPECT_GT(StateOf(estimator).ttft_ms_p50, 1e5);
  estimator.Observe(0, {.ttft_us = 1, .generation_us = INT64_MAX, .output_tokens = 8});
  EXPECT_GT(StateOf(estimator).tokens_per_s_p05, 0);
}

TEST(Estimator, KeepsDeploymentsApart) {
  Estimator estimator(2);
  estimator.Observe(0, {.ttft_us = 100'000});
  EXPECT_EQ(StateOf(estimator, 0).samples, 1);
  EXPECT_EQ(StateOf(estimator, 1).samples, 0);
}

TEST(Estimator, WhatIsSharedIsLearnedByBoth) {
  Estimator before(2);
  before.Observe(1, {.ttft_us = 100'000});
  Estimator after(3);
  after.Share(0, before, 1);
  EXPECT_EQ(StateOf(after, 0).samples, 1);
  before.Observe(1, {.ttft_us = 100'000});  // an answer that began before the change
  after.Observe(0, {.ttft_us = 100'000});
  EXPECT_EQ(StateOf(after, 0).samples, 3);
  EXPECT_EQ(StateOf(before, 1).samples, 3);
  EXPECT_EQ(StateOf(after, 1).samples, 0);
}

TEST(Estimator, StaysSoundUnderMeasurementsFromManyThreads) {
  Estimator estimator(1);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&estimator] {
      for (int i = 0; i < 20'000; ++i) {
        estimator.Observe(0, {.ttft_us = 250'000, .generation_us = 1'000'000, .output_tokens = 50});
        core::LiveState state;
        estimator.Snapshot(0, state);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const core::LiveState state = StateOf(estimator);
  EXPECT_NEAR(state.ttft_ms_p50, 250, 18);
  EXPECT_NEAR(state.ttft_ms_p95, 250, 18);
  EXPECT_NEAR(state.tokens_per_s_p05, 50, 4);
  EXPECT_GT(state.samples, 0);
  EXPECT_LT(state.samples, 600);
}

}  // namespace
}  // namespace tidegate::plan
