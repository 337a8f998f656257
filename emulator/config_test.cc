#include <gtest/gtest.h>

#include "emulator/model.h"

namespace tidegate::emulator {
namespace {

TEST(Presets, TheFieldTableIsThere) {
  const auto models = PresetModels("field");
  ASSERT_TRUE(models.has_value());
  ASSERT_EQ(models->size(), 5U);
  const Model& gpt = (*models)[1];
  EXPECT_EQ(gpt.name, "gpt-4o");
  EXPECT_EQ(gpt.ttft_ms, 320);
  EXPECT_EQ(gpt.tokens_per_s, 180);
  EXPECT_EQ(gpt.input_price.nanodollars_per_mtok, 5'000'000'000);
  EXPECT_EQ(gpt.output_price.nanodollars_per_mtok, 15'000'000'000);
  EXPECT_TRUE((*models)[4].load_mock.has_value());
  EXPECT_EQ(PresetModels("none"), std::nullopt);
}

TEST(Config, AModelIsReadWithAllItsKeys) {
  const Result<std::vector<Model>> models = ParseModels(R"(
[[model]]
name = "slow-twin"
base = "gpt-4o"
ttft_ms = 900
jitter = 0.25
output_usd_per_mtok = 20
api_key = "sk-test"
faults = "error_rate=0.5,status=503"
load_mock = { answer_bytes = 2048, frame_interval_ms = 20 }
)",
                                                        "test.toml");
  ASSERT_TRUE(models.ok()) << Describe(models.error());
  const Model& model = models->front();
  EXPECT_EQ(model.name, "slow-twin");
  EXPECT_EQ(model.ttft_ms, 900);
  EXPECT_EQ(model.tokens_per_s, 180);
  EXPECT_EQ(model.jitter, 0.25);
  EXPECT_EQ(model.output_price.nanodollars_per_mtok, 20'000'000'000);
  EXPECT_EQ(model.api_key.Reveal(), "sk-test");
  EXPECT_EQ(model.faults.status, 503);
  EXPECT_EQ(model.load_mock->answer_bytes, 2048);
}

TEST(Config, AMistakeIsAnErrorThatNamesTheKeyAndLine) {
  for (const auto& [text, key] : {std::pair<std::string, std::string>{"nodel = 1", "nodel"},
                                  {"[[model]]\nname = \"m\"\nttft = 1", "ttft"},
                                  {"[[model]]\nname = \"m\"\nttft_ms = \"1\"", "ttft_ms"},
                                  {"[[model]]\nname = \"m\"\nttft_ms = -1", "ttft_ms"},
                                  {"[[model]]\nname = \"m\\\"\"", "name"},
                                  {"[[model]]\nname = \"m\"\nbase = \"none\"", "base"},
                                  {"[[model]]\nname = \"m\"\nfaults = \"typo\"", "faults"},
                                  {"[[model]]\nttft_ms = 1", "name"},
                                  {"[[model]", "t.toml"}}) {
    const Result<std::vector<Model>> models = ParseModels(text, "t.toml");
    ASSERT_FALSE(models.ok()) << text;
    EXPECT_EQ(models.error().field, key) << text;
    EXPECT_NE(models.error().message.find("line"), std::string::npos) << models.error().message;
  }
}

}  // namespace
}  // namespace tidegate::emulator
