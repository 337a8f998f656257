#include "engine/memory_plan.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr const char* kStarter = TIDEGATE_SOURCE_DIR "/models/tidegate-starter.gguf";

models::LocalModel Starter() {
  Result<models::LocalModel> model = models::ReadLocalModel(kStarter, "starter");
  EXPECT_TRUE(model.ok());
  return model.ok() ? std::move(*model) : models::LocalModel{};
}

TEST(MemoryPlanTest, WhatIsEstimatedIsWhatTheChildGets) {
  const models::LocalModel model = Starter();
  ChildSettings settings;
  settings.context_tokens_max = 512;
  settings.key_type = models::KvType::kQ8_0;
  settings.flash_attention = FlashAttention::kOn;
  settings.ubatch = 128;
  settings.prompt_cache_mib = 7;
  const models::FitInput input = FitInputOf(model, {}, settings, 3, {{"CUDA0", "x", 9, 8}});
  EXPECT_EQ(input.model, &model.metadata);
  EXPECT_EQ(input.context_tokens, 512);
  EXPECT_EQ(input.slots, 3);
  EXPECT_TRUE(input.unified);
  EXPECT_EQ(input.key_type, models::KvType::kQ8_0);
  EXPECT_EQ(input.value_type, models::KvType::kF16);
  EXPECT_EQ(input.ubatch, 128);
  EXPECT_TRUE(input.flash_attention);
  EXPECT_EQ(input.prompt_cache_bytes, 7 * kMiB);
  EXPECT_EQ(input.draft_tokens, 0);
  ASSERT_EQ(input.devices.size(), 1U);
  EXPECT_EQ(input.devices[0].free_bytes, 8U);
  EXPECT_EQ(input.device_layers, -1);
}

TEST(MemoryPlanTest, AFileThatTheChildDoesNotGetDoesNotCount) {
  const models::LocalModel model = Starter();
  const CompanionFiles companions{&model.metadata, &model.metadata};
  ChildSettings settings;
  EXPECT_EQ(FitInputOf(model, companions, settings, 1, {}).projector, nullptr);
  settings.projector_path = "/p.gguf";
  settings.draft_path = "/d.gguf";
  settings.speculation = "draft-simple";
  const models::FitInput input = FitInputOf(model, companions, settings, 1, {});
  EXPECT_EQ(input.projector, &model.metadata);
  EXPECT_EQ(input.draft, &model.metadata);
  EXPECT_EQ(input.draft_tokens, 3);
  settings.draft_tokens = 5;
  EXPECT_EQ(FitInputOf(model, companions, settings, 1, {}).draft_tokens, 5);
  settings.speculation = "ngram-mod";
  EXPECT_EQ(FitInputOf(model, companions, settings, 1, {}).draft_tokens, 64);
}

TEST(MemoryPlanTest, ATextToEmbedIsOneBatch) {
  models::LocalModel model = Starter();
  model.metadata.pooling = models::GgufPooling::kEmbedding;
  ChildSettings settings;
  settings.context_tokens_max = 1'024;
  const models::FitInput input = FitInputOf(model, {}, settings, 1, {});
  EXPECT_EQ(input.ubatch, ContextTokens(model, settings));
  EXPECT_EQ(input.prompt_cache_bytes, 0U);  // there are no prompts to go on from
  EXPECT_FALSE(input.unified);              // each slot has its part
}

}  // namespace
}  // namespace tidegate::engine
