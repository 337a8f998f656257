#include "engine/deployments.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

using core::Capability;

models::LocalModel Model(const std::string& name, std::uint64_t parameters) {
  models::LocalModel model{name, "/models/" + name + ".gguf", parameters, {}};
  model.metadata.parameters = parameters;
  model.metadata.tensor_bytes = parameters;
  model.metadata.context_tokens = 4096;
  model.metadata.has_chat_template = true;
  return model;
}

TEST(DeploymentsTest, ALocalModelRunsOnTheDeviceForNothingAndKeepsNothing) {
  const auto deployments = MakeDeployments(FitAll({Model("tiny:4b", 4'000'000'000)}, {}));
  ASSERT_EQ(deployments.size(), 1U);
  const core::Deployment& deployment = deployments[0];
  EXPECT_EQ(deployment.ref.ToString(), "local/tiny:4b");
  EXPECT_EQ(deployment.place, core::Place::kDevice);
  EXPECT_TRUE(deployment.zero_data_retention);
  EXPECT_FALSE(deployment.emulated);
  ASSERT_TRUE(deployment.prices.has_value());
  EXPECT_EQ(deployment.prices->per_request, Money());
  EXPECT_EQ(deployment.context_tokens, 4096);
}

TEST(DeploymentsTest, PromisesOnlyWhatTheEngineHonours) {
  models::LocalModel plain = Model("plain", 1'000'000'000);
  models::LocalModel able = Model("able", 1'000'000'000);
  able.metadata.template_uses_tools = true;
  able.metadata.template_uses_reasoning = true;
  const auto deployments = MakeDeployments(FitAll({plain, able}, {}));
  const core::CapabilitySet can = deployments[0].capabilities;
  for (const Capability honoured :
       {Capability::kJsonSchema, Capability::kLogprobs, Capability::kSeed, Capability::kStop,
        Capability::kTemperature, Capability::kPenalties, Capability::kLogitBias,
        Capability::kStreamUsage}) {
    EXPECT_TRUE(can.Has(honoured)) << core::ToString(honoured);
  }
  for (const Capability not_honoured :
       {Capability::kVendorFields, Capability::kVision, Capability::kAudio, Capability::kTools,
        Capability::kParallelTools, Capability::kReasoning}) {
    EXPECT_FALSE(can.Has(not_honoured)) << core::ToString(not_honoured);
  }
  EXPECT_TRUE(deployments[1].capabilities.Has(Capability::kTools));
  EXPECT_TRUE(deployments[1].capabilities.Has(Capability::kParallelTools));
  EXPECT_TRUE(deployments[1].capabilities.Has(Capability::kReasoning));
}

TEST(DeploymentsTest, AModelEmbedsOrRanksInTheSteadOfChatting) {
  models::LocalModel embedding = Model("embed", 100'000'000);
  embedding.metadata.pooling = models::GgufPooling::kEmbedding;
  models::LocalModel ranking = Model("rank", 100'000'000);
  ranking.metadata.pooling = models::GgufPooling::kRank;
  const auto deployments = MakeDeployments(FitAll({embedding, ranking, Model("talk", 1)}, {}));
  EXPECT_EQ(core::Join(deployments[0].capabilities), "embeddings");
  EXPECT_EQ(core::Join(deployments[1].capabilities), "rerank");
  EXPECT_EQ(deployments[0].quality, core::Deployment().quality);
  EXPECT_FALSE(deployments[0].Speaks(core::Protocol::kOpenAiCompletions));
  EXPECT_TRUE(deployments[2].capabilities.Has(Capability::kChat));
  EXPECT_TRUE(deployments[2].Speaks(core::Protocol::kOpenAiCompletions));
}

TEST(DeploymentsTest, FillsInOnlyWithTheTokensForIt) {
  models::LocalModel code = Model("code", 1'000'000'000);
  code.metadata.fill_in = models::GgufFillIn{7, 8, 9};
  const auto deployments = MakeDeployments(FitAll({code, Model("plain", 1'000'000'000)}, {}));
  EXPECT_TRUE(deployments[0].capabilities.Has(Capability::kInsert));
  EXPECT_EQ(deployments[0].fill_in, (core::FillInTokens{7, 8, 9}));
  EXPECT_FALSE(deployments[1].capabilities.Has(Capability::kInsert));
  EXPECT_TRUE(deployments[1].capabilities.Has(Capability::kRawPrompt));
}

TEST(DeploymentsTest, ALargerModelIsExpectedToBeBetterAndSlower) {
  const auto deployments = MakeDeployments(FitAll(
      {Model("starter", 2'000'000), Model("small", 1'000'000'000), Model("large", 70'000'000'000)},
      {}));
  EXPECT_LT(deployments[0].quality, deployments[1].quality);
  EXPECT_LT(deployments[1].quality, deployments[2].quality);
  EXPECT_GT(deployments[1].tokens_per_s_prior, deployments[2].tokens_per_s_prior);
  for (const core::Deployment& deployment : deployments) {
    EXPECT_GT(deployment.quality, 0);
    EXPECT_LT(deployment.quality, 1);
    EXPECT_GT(deployment.tokens_per_s_prior, 0);
  }
}

}  // namespace
}  // namespace tidegate::engine
