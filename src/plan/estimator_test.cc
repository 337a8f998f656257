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
    estimator.Observe(0, 200'000, 100, 1'000'000, true);  // 200 ms, 100 tokens/s
  for (int i = 0; i < 10; ++i)
    estimator.Observe(0, 3'000'000, 100, 10'000'000, true);  // 3 s, 10 tokens/s
  const core::LiveState state = StateOf(estimator);
  EXPECT_EQ(state.samples, 100);
  EXPECT_NEAR(state.ttft_ms_p50, 200, 200 * 0.07);
  EXPECT_NEAR(state.ttft_ms_p95, 3000, 3000 * 0.07);
  EXPECT_NEAR(state.tokens_per_s_p50, 100, 100 * 0.07);
  EXPECT_NEAR(state.tokens_per_s_p05, 10, 10 * 0.07);
}

TEST(Estimator, ForgetsOldMeasurements) {
  Estimator estimator(1);
  for (int i = 0; i < 1000; ++i) estimator.Observe(0, 100'000, 0, 0, true);
  EXPECT_NEAR(StateOf(estimator).ttft_ms_p50, 100, 7);
  for (std::uint32_t i = 0; i < 2 * kDecaySamples; ++i) estimator.Observe(0, 1'000'000, 0, 0, true);
  EXPECT_NEAR(StateOf(estimator).ttft_ms_p50, 1000, 70);
  EXPECT_LE(StateOf(estimator).samples, 2 * static_cast<std::int64_t>(kDecaySamples));
}

TEST(Estimator, MeasuresNothingFromFailuresAndNoSpeedFromShortAnswers) {
  Estimator estimator(1);
  estimator.Observe(0, 500'000, 100, 1'000'000, false);
  EXPECT_EQ(StateOf(estimator).samples, 0);
  estimator.Observe(0, 500'000, kSpeedTokensMin - 1, 10, true);
  EXPECT_EQ(StateOf(estimator).samples, 1);
  EXPECT_EQ(StateOf(estimator).tokens_per_s_p50, 0);
}

TEST(Estimator, KeepsExtremesInItsOuterBuckets) {
  Estimator estimator(1);
  for (int i = 0; i < 3; ++i) estimator.Observe(0, INT64_MAX, INT64_MAX, 1, true);
  EXPECT_GT(StateOf(estimator).ttft_ms_p50, 1e5);
  estimator.Observe(0, 1, 8, INT64_MAX, true);
  EXPECT_GT(StateOf(estimator).tokens_per_s_p05, 0);
}

TEST(Estimator, KeepsDeploymentsApart) {
  Estimator estimator(2);
  estimator.Observe(0, 100'000, 0, 0, true);
  EXPECT_EQ(StateOf(estimator, 0).samples, 1);
  EXPECT_EQ(StateOf(estimator, 1).samples, 0);
}

TEST(Estimator, WhatIsSharedIsLearnedByBoth) {
  Estimator before(2);
  before.Observe(1, 100'000, 0, 0, true);
  Estimator after(3);
  after.Share(0, before, 1);
  EXPECT_EQ(StateOf(after, 0).samples, 1);
  before.Observe(1, 100'000, 0, 0, true);  // an answer that began before the change
  after.Observe(0, 100'000, 0, 0, true);
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
        estimator.Observe(0, 250'000, 50, 1'000'000, true);
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
