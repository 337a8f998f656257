#include "models/memory_fit.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/memory_fit_layers.h"

namespace tidegate::models {
namespace {

constexpr double kMiB = 1024 * 1024;

// Sizes of a small network; the tests that start llama-server with such a model are in engine/.
GgufMetadata Network(const std::string& architecture) {
  GgufMetadata model;
  model.architecture = architecture;
  model.context_tokens = 8'192;
  GgufShape& shape = model.shape;
  shape.block_count = 4;
  shape.embedding_length = 512;
  shape.feed_forward_length.values = {1'408};
  shape.head_count.values = {8};
  shape.head_count_kv.values = {2};
  shape.key_length = shape.value_length = 64;
  shape.vocabulary = 8'192;
  model.weights.has_gate = true;
  model.weights.has_output = true;
  model.weights.input_bytes = 4'456'448;
  model.weights.output_bytes = 4'458'496;
  model.weights.block_bytes = {3'000'000, 3'000'000, 3'000'000, 3'000'000};
  return model;
}

FitInput Input(const GgufMetadata& model, std::int64_t context, int slots = 1) {
  FitInput input;
  input.model = &model;
  input.context_tokens = context;
  input.slots = slots;
  return input;
}

FitParts Host(const FitInput& input) {
  const Result<FitEstimate> estimate = EstimateMemory(input);
  EXPECT_TRUE(estimate.ok()) << Describe(estimate.error());
  return estimate.ok() ? estimate->host : FitParts();
}

// Recorded from llama-server 0.7.0: the cache and the compute buffer that it printed, in MiB.
struct Recorded {
  std::string what;
  FitInput settings;
  double cache_mib, compute_mib;
};

TEST(MemoryFitTest, GivesWhatLlamaServerPrintedForALlama) {
  const GgufMetadata model = Network("llama");
  const auto with = [&model](std::int64_t context, int slots, auto change) {
    FitInput input = Input(model, context, slots);
    change(input);
    return input;
  };
  const auto as_is = [](FitInput&) {};
  const std::vector<Recorded> recorded = {
      {"two slots", with(2'048, 2, as_is), 8.00, 17.27},
      {"a small batch", with(4'096, 2, [](FitInput& in) { in.ubatch = 256; }), 16.00, 10.63},
      {"parts for four slots", with(2'048, 4, [](FitInput& in) { in.unified = false; }), 16.00,
       15.27},
      {"three slots", with(333, 3, as_is), 2.00, 14.30},
      {"without flash attention", with(4'096, 1, [](FitInput& in) { in.flash_attention = false; }),
       8.00, 78.51},
      {"Q8_0", with(2'048, 2, [](FitInput& in) { in.key_type = in.value_type = KvType::kQ8_0; }),
       4.25, 17.30},
      {"Q4_0 in large batches",
       with(2'048, 2,
            [](FitInput& in) {
              in.key_type = in.value_type = KvType::kQ4_0;
              in.ubatch = 1'024;
            }),
       2.25, 34.57},
      {"F32", with(2'048, 2, [](FitInput& in) { in.key_type = in.value_type = KvType::kF32; }),
       16.00, 18.27},
      {"keys in Q8_0", with(2'048, 2, [](FitInput& in) { in.key_type = KvType::kQ8_0; }), 6.12,
       17.28},
  };
  for (const Recorded& known : recorded) {
    const FitParts host = Host(known.settings);
    EXPECT_NEAR(static_cast<double>(host.cache) / kMiB, known.cache_mib, 0.01) << known.what;
    EXPECT_NEAR(static_cast<double>(host.compute) / kMiB, known.compute_mib, 0.01) << known.what;
  }
}

TEST(MemoryFitTest, WindowsKeepTheLastTokensOnly) {
  GgufMetadata model = Network("gemma3");
  model.shape.block_count = 6;
  model.shape.sliding_window = 512;
  // Five layers of min(4096, 512 * 2 + 512) cells and one of 4096, as llama-server printed.
  EXPECT_EQ(Host(Input(model, 2'048, 2)).cache, (5ULL * 1'536 + 4'096) * 2 * 64 * 2 * 2);
  model.architecture = "mistral";  // it ignores the key
  EXPECT_EQ(Host(Input(model, 2'048, 2)).cache, 6ULL * 4'096 * 2 * 64 * 2 * 2);
}

TEST(MemoryFitTest, AFileMaySayWhichLayersHaveWindows) {
  GgufMetadata model = Network("gemma3");
  model.shape.sliding_window = 256;
  model.shape.sliding_window_pattern.values = {1, 1, 0, 0};
  const Result<ModelPlan> plan = PlanLayers(model);
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan->layers[1].windowed);
  EXPECT_FALSE(plan->layers[2].windowed);
  model.shape.sliding_window_pattern.values = {2};
  EXPECT_FALSE(PlanLayers(model)->layers[1].windowed);
}

TEST(MemoryFitTest, HeadsMayDifferByLayer) {
  GgufMetadata model = Network("openelm");
  model.shape.head_count_kv.values = {1, 2, 4, 8};
  EXPECT_EQ(Host(Input(model, 1'024)).cache, 15ULL * 1'024 * 64 * 2 * 2);
}

TEST(MemoryFitTest, LatentAttentionKeepsOneRow) {
  GgufMetadata model = Network("deepseek2");
  model.shape.head_count_kv.values = {1};
  model.shape.kv_lora_rank = 256;
  model.shape.key_length = 320;
  model.shape.value_length = 256;
  model.shape.key_length_mla = 128;
  model.shape.value_length_mla = 64;
  EXPECT_EQ(Host(Input(model, 4'096)).cache, 4ULL * 4'096 * 320 * 2);
}

TEST(MemoryFitTest, RecurrentLayersKeepAStateForEachSlot) {
  GgufMetadata model = Network("mamba2");
  model.shape.head_count.values = {0};
  model.shape.ssm_conv_kernel = 4;
  model.shape.ssm_inner_size = 1'024;
  model.shape.ssm_state_size = 64;
  model.shape.ssm_group_count = 1;
  model.shape.ssm_time_step_rank = 16;
  const FitParts host = Host(Input(model, 4'096, 2));
  EXPECT_EQ(host.cache, 0U);
  EXPECT_EQ(host.states, 4ULL * 2 * 4 * (3 * (1'024 + 2 * 64) + 64 * 1'024));
  EXPECT_EQ(Host(Input(model, 8'192, 2)).states, host.states);  // whatever the context
  EXPECT_GT(host.checkpoints, 0U);
}

TEST(MemoryFitTest, HybridsHaveBoth) {
  GgufMetadata model = Network("jamba");
  model.shape.head_count_kv.values = {0, 2, 0, 0};
  model.shape.ssm_conv_kernel = 4;
  model.shape.ssm_inner_size = 1'024;
  model.shape.ssm_state_size = 16;
  const FitParts host = Host(Input(model, 1'024));
  EXPECT_EQ(host.cache, 1'024ULL * 2 * 64 * 2 * 2);
  EXPECT_EQ(host.states, 3ULL * 4 * (3 * 1'024 + 16 * 1'024));
}

TEST(MemoryFitTest, AnEncoderHasNoCache) {
  GgufMetadata model = Network("bert");
  model.pooling = GgufPooling::kEmbedding;
  const FitParts host = Host(Input(model, 512));
  EXPECT_EQ(host.cache, 0U);
  EXPECT_EQ(host.output, (8'192ULL + 512) * 4);
  EXPECT_GT(host.compute, 0U);
}

TEST(MemoryFitTest, LayersOnDevicesTakeTheirPartsThere) {
  const GgufMetadata model = Network("llama");
  FitInput input = Input(model, 4'096);
  const FitParts alone = Host(input);
  input.devices = {{"CUDA0", 3'000'000'000}, {"CUDA1", 1'000'000'000}};
  const Result<FitEstimate> all = EstimateMemory(input);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->host.weights, model.weights.input_bytes);
  EXPECT_EQ(all->host.cache, 0U);
  EXPECT_LT(all->host.compute, alone.compute);
  EXPECT_EQ(all->devices[0].layers, 4);  // three quarters of five, rounded up
  EXPECT_EQ(all->devices[1].layers, 1);  // the head
  EXPECT_EQ(all->devices[0].parts.weights, 12'000'000U);
  EXPECT_EQ(all->devices[1].parts.weights, model.weights.output_bytes);
  input.device_layers = 3;
  const Result<FitEstimate> some = EstimateMemory(input);
  ASSERT_TRUE(some.ok());
  EXPECT_EQ(some->host.weights, model.weights.input_bytes + 6'000'000);
  EXPECT_EQ(some->host.cache, alone.cache / 2);
  EXPECT_EQ(some->host.compute, alone.compute);
  input.device_layers = 0;
  EXPECT_EQ(EstimateMemory(input)->host.Total(), alone.Total());
}

TEST(MemoryFitTest, AHeadThatSharesTheEmbeddingIsCopiedToItsDevice) {
  GgufMetadata model = Network("llama");
  model.weights.has_output = false;
  model.weights.output_bytes = 2'048;
  FitInput input = Input(model, 1'024);
  EXPECT_EQ(Host(input).weights, model.weights.input_bytes + 12'000'000 + 2'048);
  input.devices = {{"Vulkan0", 1'000'000'000}};
  EXPECT_EQ(EstimateMemory(input)->devices[0].parts.weights,
            model.weights.input_bytes + 12'000'000 + 2'048);
}

TEST(MemoryFitTest, CompanionsCount) {
  const GgufMetadata model = Network("llama");
  GgufMetadata projector;
  projector.kind = GgufKind::kProjector;
  projector.tensor_bytes = 1'000'000;
  projector.projector.image_size = 224;
  projector.projector.patch_size = 14;
  projector.projector.embedding_length = 256;
  projector.projector.feed_forward_length = 1'024;
  projector.projector.head_count = 4;
  FitInput input = Input(model, 4'096);
  const FitParts alone = Host(input);
  input.projector = &projector;
  input.draft = &model;
  input.draft_tokens = 3;
  const FitParts host = Host(input);
  EXPECT_GT(host.projector, 1'000'000U);
  EXPECT_GE(host.draft, alone.weights + alone.cache + alone.compute);
  EXPECT_EQ(host.output, 4 * alone.output);  // four tokens are looked at in one go
  input.prompt_cache_bytes = 77;
  EXPECT_EQ(Host(input).Total(), host.Total() + 77);
}

TEST(MemoryFitTest, SaysWhichSizeIsMissing) {
  for (const char* key : {"block_count", "embedding_length", "attention.key_length"}) {
    GgufMetadata model = Network("llama");
    if (std::string(key) == "block_count") model.shape.block_count = 0;
    if (std::string(key) == "embedding_length") model.shape.embedding_length = 0;
    if (std::string(key) == "attention.key_length") {
      model.shape.key_length = 0;
      model.shape.embedding_length = 4;  // less than heads
    }
    const Result<FitEstimate> estimate = EstimateMemory(Input(model, 1'024));
    ASSERT_FALSE(estimate.ok()) << key;
    EXPECT_NE(estimate.error().message.find(std::string("llama.") + key), std::string::npos);
  }
}

TEST(MemoryFitTest, RefusesNumbersThatAreNotPossible) {
  const GgufMetadata model = Network("llama");
  const auto field = [&model](auto change) {
    FitInput input = Input(model, 1'024);
    change(input);
    const Result<FitEstimate> estimate = EstimateMemory(input);
    return estimate.ok() ? std::string() : estimate.error().field;
  };
  EXPECT_EQ(field([](FitInput& in) { in.context_tokens = 0; }), "context");
  EXPECT_EQ(field([](FitInput& in) { in.context_tokens = 1LL << 40; }), "context");
  EXPECT_EQ(field([](FitInput& in) { in.slots = 0; }), "slots");
  EXPECT_EQ(field([](FitInput& in) { in.slots = 257; }), "slots");
  EXPECT_EQ(field([](FitInput& in) { in.ubatch = 0; }), "ubatch");
  EXPECT_EQ(field([](FitInput& in) { in.draft_tokens = -1; }), "draft_tokens");
  EXPECT_EQ(field([](FitInput& in) {
              in.value_type = KvType::kQ8_0;
              in.flash_attention = false;
            }),
            "cache_type_v");
}

TEST(MemoryFitTest, ImpossibleSizesAreHugeAndNotSmall) {
  GgufMetadata model = Network("llama");
  constexpr auto kMax = static_cast<std::uint32_t>(kGgufSizeMax);
  model.shape.embedding_length = model.shape.key_length = model.shape.value_length = kMax;
  model.shape.head_count.values = model.shape.head_count_kv.values = {kMax};
  model.shape.feed_forward_length.values = {kMax};
  model.shape.block_count = kGgufLayersMax;
  const FitParts host = Host(Input(model, INT32_MAX, 256));
  EXPECT_EQ(host.cache, UINT64_MAX);
  EXPECT_GT(host.compute, 1ULL << 45);
  EXPECT_EQ(host.Total(), UINT64_MAX);
}

TEST(MemoryFitTest, KnowsTheTypesOfTheCacheByName) {
  for (const char* name :
       {"f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"}) {
    const std::optional<KvType> type = ParseKvType(name);
    ASSERT_TRUE(type) << name;
    EXPECT_EQ(ToString(*type), name);
  }
  EXPECT_FALSE(ParseKvType("q2_k"));
  EXPECT_TRUE(IsQuantised(KvType::kIq4Nl));
  EXPECT_FALSE(IsQuantised(KvType::kBf16));
}

}  // namespace
}  // namespace tidegate::models
