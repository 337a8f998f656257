#include "models/memory_fit_decide.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::models {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

GgufMetadata Model() {
  GgufMetadata model;
  model.architecture = "llama";
  model.context_tokens = 32'768;
  model.shape.block_count = 16;
  model.shape.embedding_length = 2'048;
  model.shape.feed_forward_length.values = {8'192};
  model.shape.head_count.values = {32};
  model.shape.head_count_kv.values = {8};
  model.shape.vocabulary = 128'000;
  model.weights.has_gate = model.weights.has_output = true;
  model.weights.input_bytes = 140 * kMiB;
  model.weights.output_bytes = 140 * kMiB;
  model.weights.block_bytes.assign(16, 40 * kMiB);
  return model;
}

class DecideFitTest : public testing::Test {
 protected:
  FitDecision Decide(std::uint64_t host_mib, const FitWishes& wishes = {}) {
    FitMemory memory;
    memory.host_free_bytes = host_mib * kMiB;
    const Result<FitDecision> decision = DecideFit(base_, wishes, memory);
    EXPECT_TRUE(decision.ok()) << Describe(decision.error());
    return decision.ok() ? *decision : FitDecision();
  }
  DecideFitTest() { base_.model = &model_; }

  const GgufMetadata model_ = Model();
  FitInput base_;
};

TEST_F(DecideFitTest, WithPlentyOfMemoryTheTrainedContextIsChosen) {
  const FitDecision decision = Decide(100'000);
  EXPECT_TRUE(decision.fits);
  EXPECT_EQ(decision.context_tokens, 32'768);
  EXPECT_EQ(decision.slots, kFitSlotsDefault);
  EXPECT_TRUE(decision.why_not.empty());
}

TEST_F(DecideFitTest, WithLessTheLargestContextThatFitsIsChosen) {
  const FitDecision decision = Decide(4'000);
  ASSERT_TRUE(decision.fits);
  EXPECT_GE(decision.context_tokens, kFitContextMin);
  EXPECT_LT(decision.context_tokens, 32'768);
  EXPECT_EQ(decision.context_tokens % static_cast<std::int64_t>(kFitContextStep), 0);
  EXPECT_LE(decision.estimate.host.Total(), (4'000 - 512) * kMiB);
  // One step more would not.
  const FitDecision more = Decide(4'000, {.context_tokens = decision.context_tokens + 256,
                                          .slots = decision.slots,
                                          .device_layers = {}});
  EXPECT_FALSE(more.fits);
}

TEST_F(DecideFitTest, SlotsThatNobodyAskedForGoBeforeTheContext) {
  const FitDecision decision = Decide(1'750);
  ASSERT_TRUE(decision.fits);
  EXPECT_LT(decision.slots, kFitSlotsDefault);
  EXPECT_GE(decision.context_tokens, kFitContextMin);
}

TEST_F(DecideFitTest, AContextThatWasAskedForIsNeverLowered) {
  const FitDecision decision =
      Decide(4'000, {.context_tokens = 32'768, .slots = 4, .device_layers = {}});
  EXPECT_FALSE(decision.fits);
  EXPECT_EQ(decision.context_tokens, 32'768);
  EXPECT_EQ(decision.slots, 4);
  EXPECT_GT(decision.would_fit_context, 0);
  EXPECT_LT(decision.would_fit_context, 32'768);
  EXPECT_NE(decision.why_not.find("32768 tokens for each of 4 slots needs "), std::string::npos)
      << decision.why_not;
  EXPECT_NE(decision.why_not.find("3488 MiB may be used"), std::string::npos) << decision.why_not;
  EXPECT_NE(decision.why_not.find("a context of " + std::to_string(decision.would_fit_context) +
                                  " would fit"),
            std::string::npos)
      << decision.why_not;
  // And it does.
  EXPECT_TRUE(
      Decide(4'000, {.context_tokens = decision.would_fit_context, .slots = 4, .device_layers = {}})
          .fits);
}

TEST_F(DecideFitTest, WhereOnlyOneSlotFitsItSaysSo) {
  const FitDecision decision =
      Decide(1'620, {.context_tokens = 4'096, .slots = 64, .device_layers = {}});
  EXPECT_FALSE(decision.fits);
  EXPECT_FALSE(decision.why_not.empty());
}

TEST_F(DecideFitTest, WhatCannotFitAtAllSaysSo) {
  const FitDecision decision = Decide(700);
  EXPECT_FALSE(decision.fits);
  EXPECT_EQ(decision.would_fit_context, 0);
  EXPECT_NE(decision.why_not.find("no context would fit"), std::string::npos) << decision.why_not;
}

TEST_F(DecideFitTest, MemoryBelowTheReserveIsNone) {
  const FitDecision decision = Decide(100);
  EXPECT_FALSE(decision.fits);
  EXPECT_NE(decision.why_not.find(" 0 MiB may be used"), std::string::npos) << decision.why_not;
}

TEST_F(DecideFitTest, DevicesGetAsManyLayersAsTheyHold) {
  base_.devices = {{"CUDA0", 100'000 * kMiB}};
  EXPECT_EQ(Decide(100'000).device_layers, 17);  // the head is one
  base_.devices = {{"CUDA0", 1'700 * kMiB}};
  const FitDecision some = Decide(100'000);
  EXPECT_TRUE(some.fits);
  EXPECT_GT(some.device_layers, 0);
  EXPECT_LT(some.device_layers, 17);
  base_.devices = {{"CUDA0", 1'100 * kMiB}};
  EXPECT_EQ(Decide(100'000).device_layers, 0);
}

TEST_F(DecideFitTest, LayersThatWereAskedForStayThere) {
  base_.devices = {{"CUDA0", 1'700 * kMiB}};
  const FitDecision decision =
      Decide(100'000, {.context_tokens = {}, .slots = {}, .device_layers = 17});
  EXPECT_FALSE(decision.fits);
  EXPECT_EQ(decision.device_layers, 17);
  EXPECT_NE(decision.why_not.find("memory on CUDA0"), std::string::npos) << decision.why_not;
}

TEST_F(DecideFitTest, NumbersThatAreNotPossibleAreErrors) {
  FitMemory memory;
  const Result<FitDecision> decision =
      DecideFit(base_, {.context_tokens = -1, .slots = {}, .device_layers = {}}, memory);
  ASSERT_FALSE(decision.ok());
  EXPECT_EQ(decision.error().field, "context");
}

}  // namespace
}  // namespace tidegate::models
