#include "engine/fit.h"

#include <string>

#include <gtest/gtest.h>

#include "engine/deployments.h"

namespace tidegate::engine {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

// One billion parameters in four bits, and 32 KiB of cache a token.
models::LocalModel Model() {
  models::LocalModel model;
  model.name = "made-up";
  model.path = "/models/made-up.gguf";
  model.size_bytes = 1'000 * kMiB;
  models::GgufMetadata& file = model.metadata;
  file.architecture = "llama";
  file.context_tokens = 131'072;
  file.shape.block_count = 16;
  file.shape.embedding_length = 2'048;
  file.shape.feed_forward_length.values = {8'192};
  file.shape.head_count.values = {32};
  file.shape.head_count_kv.values = {8};
  file.shape.vocabulary = 128'000;
  file.weights.has_gate = file.weights.has_output = true;
  file.weights.input_bytes = file.weights.output_bytes = 140 * kMiB;
  file.weights.block_bytes.assign(16, 40 * kMiB);
  return model;
}

class FitTest : public testing::Test {
 protected:
  FitTest() { policy_.child.prompt_cache_mib = 0; }
  ModelFitter Fitter() const { return ModelFitter(model_, policy_); }
  ModelFit Fit(std::uint64_t host_mib) {
    policy_.machine.host_bytes = host_mib * kMiB;
    return Fitter().standard();
  }
  void Device(std::uint64_t mib) {
    policy_.machine.devices.push_back({"CUDA" + std::to_string(policy_.machine.devices.size()),
                                       "made up", mib * kMiB, mib * kMiB});
  }

  models::LocalModel model_ = Model();
  FitPolicy policy_;
};

TEST_F(FitTest, WhereNobodyAsksAndThereIsRoomItIsFourTimesEightThousandTokens) {
  for (const std::uint64_t mib : {0U, 64'000U}) {  // 0: nobody knows a limit
    const ModelFit fit = Fit(mib);
    EXPECT_TRUE(fit.memory.fits) << fit.memory.why_not;
    EXPECT_EQ(fit.context_tokens(), kContextTokensDefault);
    EXPECT_EQ(fit.slots(), models::kFitSlotsDefault);
    EXPECT_EQ(fit.settings.context_tokens_max, kContextTokensDefault);
    EXPECT_EQ(fit.memory.context_tokens_max, 131'072);
    EXPECT_FALSE(fit.settings.device_layers.has_value());
    EXPECT_FALSE(fit.settings.tells_devices);
    EXPECT_EQ(fit.bytes.device, 0U);
    EXPECT_EQ(fit.bytes.host,
              fit.memory.weights + fit.memory.cache + fit.memory.compute + fit.memory.other);
  }
}

TEST_F(FitTest, WhatNobodyAskedForIsChosenSmallerSlotsFirst) {
  ModelFit before = Fit(4'000);
  EXPECT_EQ(before.slots(), models::kFitSlotsDefault);
  for (std::uint64_t mib = 3'900; mib > 1'000; mib -= 100) {
    const ModelFit fit = Fit(mib);
    if (!fit.memory.fits) break;
    EXPECT_LE(fit.bytes.host, mib * kMiB);
    EXPECT_LE(fit.slots(), before.slots());
    EXPECT_LE(fit.context_tokens(), before.context_tokens());
    EXPECT_TRUE(fit.slots() == 1 || fit.context_tokens() == kContextTokensDefault);
    EXPECT_GE(fit.context_tokens(), models::kFitContextMin);
    EXPECT_GE(fit.memory.context_tokens_max, fit.context_tokens());
    before = fit;
  }
  EXPECT_EQ(before.slots(), 1);
  EXPECT_LT(before.context_tokens(), kContextTokensDefault);
  const ModelFit none = Fit(800);
  EXPECT_FALSE(none.memory.fits);
  EXPECT_NE(none.memory.why_not.find("800 MiB may be used"), std::string::npos)
      << none.memory.why_not;
}

TEST_F(FitTest, AWindowThatTheConfigurationAsksForIsNeverLowered) {
  policy_.child.context_tokens_max = 65'536;
  const ModelFit one = Fit(3'800);
  ASSERT_TRUE(one.memory.fits) << one.memory.why_not;
  EXPECT_EQ(one.context_tokens(), 65'536);
  EXPECT_LT(one.slots(), models::kFitSlotsDefault);
  const ModelFit none = Fit(2'000);
  EXPECT_FALSE(none.memory.fits);
  EXPECT_EQ(none.context_tokens(), 65'536);
  EXPECT_NE(none.memory.why_not.find("65536 tokens"), std::string::npos) << none.memory.why_not;
  EXPECT_NE(none.memory.why_not.find("would fit"), std::string::npos) << none.memory.why_not;
}

TEST_F(FitTest, NorAreAWindowAndLayersThatTheModelWasMadeWith) {
  model_.parameters = {{"num_ctx", "65536"}, {"num_gpu", "3"}};
  Device(24'000);
  const ModelFit none = Fit(900);
  EXPECT_FALSE(none.memory.fits);
  EXPECT_EQ(none.context_tokens(), 65'536);
  const ModelFit fits = Fit(16'000);
  ASSERT_TRUE(fits.memory.fits) << fits.memory.why_not;
  EXPECT_EQ(fits.memory.device_layers, 3);
}

TEST_F(FitTest, LayersThatNoDeviceCanTakeAreMissed) {
  EXPECT_EQ(Fit(16'000).memory.layers_note, "") << "nobody asked";
  policy_.child.device_layers = 12;
  const ModelFit none = Fit(16'000);
  EXPECT_TRUE(none.memory.fits);
  EXPECT_EQ(none.memory.layers_note,
            "12 of its layers are to be on graphics devices, and 0 are: llama-server sees no "
            "graphics device; 'tidegate doctor' says more of the driver");
  policy_.child.device_layers = 0;
  EXPECT_EQ(Fit(16'000).memory.layers_note, "") << "as asked";
  model_.parameters = {{"num_gpu", "99"}};
  Device(1);
  EXPECT_EQ(Fit(16'000).memory.layers_note,
            "17 of its layers are to be on graphics devices, and 0 are: no graphics device has "
            "memory left; 'tidegate doctor' says more of the driver");
  Device(24'000);
  EXPECT_EQ(Fit(16'000).memory.layers_note, "");
}

TEST_F(FitTest, AWindowThatAModelWasMadeWithAndCannotHaveIsTold) {
  model_.parameters = {{"num_ctx", "131072"}};
  EXPECT_EQ(Fit(64'000).memory.window_note, "");
  model_.parameters = {{"num_ctx", "200000"}};
  const ModelFit fit = Fit(64'000);
  EXPECT_EQ(fit.context_tokens(), 131'072);
  EXPECT_EQ(fit.memory.window_note,
            "its num_ctx asks for a window of 200000 tokens, and it has no more than the 131072 "
            "that it was made for");
  model_.metadata.context_tokens = 0;  // the file does not say
  EXPECT_EQ(Fit(64'000).memory.window_note, "");
}

TEST_F(FitTest, NorAreSlots) {
  policy_.slots = 8;
  EXPECT_EQ(Fit(64'000).slots(), 8);
  const ModelFit smaller = Fit(2'500);
  ASSERT_TRUE(smaller.memory.fits) << smaller.memory.why_not;
  EXPECT_EQ(smaller.slots(), 8);
  EXPECT_LT(smaller.context_tokens(), kContextTokensDefault);
}

TEST_F(FitTest, AWindowIsNotLargerThanWhatAModelWasTrainedFor) {
  model_.metadata.context_tokens = 4'096;
  EXPECT_EQ(Fit(64'000).context_tokens(), 4'096);
  policy_.child.context_tokens_max = 100'000;
  EXPECT_EQ(Fit(64'000).context_tokens(), 4'096);
  EXPECT_EQ(Fit(64'000).memory.context_tokens_max, 4'096);
}

TEST_F(FitTest, ALargerWindowIsRoundedUpAndTakesSlotsIfItMust) {
  Fit(3'800);
  const ModelFitter fitter = Fitter();
  EXPECT_EQ(fitter.WithWindow(100).context_tokens(), fitter.standard().context_tokens());
  const ModelFit larger = fitter.WithWindow(9'000);
  ASSERT_TRUE(larger.memory.fits) << larger.memory.why_not;
  EXPECT_EQ(larger.context_tokens(), 16'384);
  EXPECT_GT(larger.bytes.host, fitter.standard().bytes.host - 1);
  EXPECT_LE(larger.slots(), fitter.standard().slots());
  const std::int64_t most = fitter.standard().memory.context_tokens_max;
  ASSERT_GT(most, 16'384);
  ASSERT_LT(most, 131'072);
  const ModelFit largest = fitter.WithWindow(most);
  EXPECT_TRUE(largest.memory.fits) << largest.memory.why_not;
  EXPECT_EQ(largest.context_tokens(), most);
  EXPECT_EQ(largest.slots(), 1);
  EXPECT_LE(largest.bytes.host, 3'800 * kMiB);
}

TEST_F(FitTest, AWindowThatCannotBeSaysWhy) {
  Fit(3'800);
  const ModelFit beyond_memory = Fitter().WithWindow(131'072);
  EXPECT_FALSE(beyond_memory.memory.fits);
  EXPECT_NE(beyond_memory.memory.why_not.find("3800 MiB may be used"), std::string::npos)
      << beyond_memory.memory.why_not;
  Fit(0);
  const ModelFit beyond_training = Fitter().WithWindow(200'000);
  EXPECT_FALSE(beyond_training.memory.fits);
  EXPECT_EQ(beyond_training.memory.why_not,
            "a window of 200000 tokens is more than the 131072 that it was made for");
}

TEST_F(FitTest, DevicesGetAllLayersBeforeASlotMore) {
  Device(24'000);
  const ModelFit all = Fit(16'000);
  EXPECT_EQ(all.memory.device_layers, 17);
  EXPECT_EQ(all.slots(), models::kFitSlotsDefault);
  EXPECT_EQ(all.settings.device_layers, 17);
  EXPECT_TRUE(all.settings.tells_devices);
  EXPECT_EQ(all.devices_planned, 1);
  EXPECT_EQ(all.memory.devices, std::vector<std::string>{"CUDA0"});
  EXPECT_GT(all.bytes.device, 900 * kMiB);
  policy_.machine.devices.clear();
  Device(2'700);  // of which one is kept
  const ModelFit less = Fit(16'000);
  EXPECT_EQ(less.memory.device_layers, 17);
  EXPECT_LT(less.slots(), models::kFitSlotsDefault);
  policy_.machine.devices.clear();
  Device(1'800);
  const ModelFit part = Fit(16'000);
  EXPECT_GT(part.memory.device_layers, 0);
  EXPECT_LT(part.memory.device_layers, 17);
  EXPECT_EQ(part.slots(), models::kFitSlotsDefault);
}

TEST_F(FitTest, WhereADeviceIsRequiredNothingIsPlannedWithoutOne) {
  policy_.machine.require_gpu = true;
  EXPECT_NE(Fit(16'000).memory.why_not.find("no graphics device"), std::string::npos);
  Device(1'000);  // nothing is left of it
  EXPECT_NE(Fit(16'000).memory.why_not.find("not one layer"), std::string::npos);
  Device(24'000);
  const ModelFit fits = Fit(16'000);
  EXPECT_TRUE(fits.memory.fits) << fits.memory.why_not;
  EXPECT_TRUE(fits.devices_required);
  EXPECT_EQ(fits.memory.devices, std::vector<std::string>{"CUDA1"});
  EXPECT_EQ(fits.settings.devices, "CUDA1");
  policy_.child.device_layers = 0;
  EXPECT_NE(Fit(16'000).memory.why_not.find("engine.require_gpu forbids"), std::string::npos);
}

TEST_F(FitTest, AnArchitectureThatIsNotKnownIsJudgedByItsFiles) {
  model_.metadata.shape = {};
  const ModelFit fits = Fit(1'500);
  EXPECT_TRUE(fits.memory.fits);
  EXPECT_FALSE(fits.memory.estimated);
  EXPECT_EQ(fits.bytes.host, 1'500 * kMiB);
  EXPECT_EQ(fits.memory.context_tokens_max, fits.context_tokens());
  const ModelFit none = Fit(1'499);
  EXPECT_EQ(none.memory.why_not, "it needs about 1500 MiB of memory, and 1499 MiB may be used");
}

TEST_F(FitTest, ThePlannerIsToldWhatTheProcessGets) {
  Fit(3'800);
  const ModelFit fit = Fitter().standard();
  const std::vector<core::Deployment> deployments = MakeDeployments(FitAll({model_}, policy_));
  ASSERT_EQ(deployments.size(), 1U);
  EXPECT_EQ(deployments[0].context_tokens, fit.context_tokens());
  EXPECT_EQ(deployments[0].context_tokens_max, fit.memory.context_tokens_max);
  ASSERT_NE(deployments[0].memory, nullptr);
  EXPECT_EQ(deployments[0].memory->slots, fit.slots());
  EXPECT_EQ(deployments[0].memory->host, fit.bytes.host);
}

TEST(MachineTest, AQuarterOfTheMemoryIsForOthersUpToEightGibibytes) {
  constexpr std::uint64_t kGiB = 1024 * kMiB;
  const auto budget = [](std::uint64_t limit) {
    return HostBudget({.total_bytes = 2 * limit, .limit_bytes = limit});
  };
  EXPECT_EQ(budget(8 * kGiB), 6 * kGiB);
  EXPECT_EQ(budget(64 * kGiB), 56 * kGiB);
  EXPECT_EQ(budget(0), 0U);
  EXPECT_EQ(DeviceBudget({{"CUDA0", "x", 8 * kGiB, 5 * kGiB}, {"CUDA1", "x", kGiB, kGiB / 2}}),
            4 * kGiB);
}

}  // namespace
}  // namespace tidegate::engine
