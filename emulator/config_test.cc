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
cache_write_usd_per_mtok = 6.25
shapes = ["anthropic", "openai-chat"]
key_in = "api-key"
rate_limit_fields = "mistral"
errors = "huggingface"
reasoning_field = "reasoning"
refuse_fields = ["logprobs", "seed"]
nim = true
thought_signatures_required = true
remote_host = "https://ollama.com:443"
embedding_dimensions = 8
aws_access_key_id = "AKIDEXAMPLE"
aws_secret_access_key = "secret"
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
  EXPECT_EQ(model.cache_write_price->nanodollars_per_mtok, 6'250'000'000);
  const Quirks& quirks = model.quirks;
  EXPECT_EQ(quirks.shapes, (std::vector<std::string>{"anthropic", "openai-chat"}));
  EXPECT_EQ(quirks.key_place, KeyPlace::kApiKey);
  EXPECT_EQ(quirks.rate_fields, RateFields::kMistral);
  EXPECT_EQ(quirks.error_style, ErrorStyle::kHuggingFace);
  EXPECT_EQ(quirks.reasoning_field, "reasoning");
  EXPECT_EQ(quirks.refuse_fields, (std::vector<std::string>{"logprobs", "seed"}));
  EXPECT_TRUE(quirks.nim);
  EXPECT_TRUE(quirks.thought_signatures_required);
  EXPECT_EQ(quirks.remote_host, "https://ollama.com:443");
  EXPECT_EQ(quirks.embedding_dimensions, 8);
  EXPECT_EQ(model.aws_access_key_id, "AKIDEXAMPLE");
  EXPECT_EQ(model.aws_secret_access_key.Reveal(), "secret");
}

TEST(Config, AMistakeIsAnErrorThatNamesTheKeyAndLine) {
  for (const auto& [text, key] :
       {std::pair<std::string, std::string>{"nodel = 1", "nodel"},
        {"[[model]]\nname = \"m\"\nttft = 1", "ttft"},
        {"[[model]]\nname = \"m\"\nttft_ms = \"1\"", "ttft_ms"},
        {"[[model]]\nname = \"m\"\nttft_ms = -1", "ttft_ms"},
        {"[[model]]\nname = \"m\\\"\"", "name"},
        {"[[model]]\nname = \"m\"\nbase = \"none\"", "base"},
        {"[[model]]\nname = \"m\"\nfaults = \"typo\"", "faults"},
        {"[[model]]\nname = \"m\"\nkey_in = \"x\"", "key_in"},
        {"[[model]]\nname = \"m\"\nshapes = [\"x\"]", "shapes"},
        {"[[model]]\nname = \"m\"\nnim = 1", "nim"},
        {"[[model]]\nname = \"m\"\naws_access_key_id = \"x\"", "aws_access_key_id"},
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
