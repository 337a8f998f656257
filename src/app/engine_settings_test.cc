#include "app/engine_settings.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "app/config.h"
#include "engine/child_environment.h"

namespace tidegate::app {
namespace {

namespace fs = std::filesystem;

Result<Config> Parse(std::string_view text) {
  return ParseConfig(text, "test.toml", [](std::string_view) { return std::nullopt; });
}

engine::ChildSettings Child(std::string_view text) {
  const Result<Config> config = Parse(text);
  EXPECT_TRUE(config.ok()) << Describe(config.error());
  return ChildSettingsOf(config.ok() ? config->settings : Settings());
}

TEST(EngineSettingsTest, TheDefaultsAreThoseOfTheEngine) {
  const engine::ChildSettings child = Child(""), own;
  EXPECT_EQ(child.key_type, own.key_type);
  EXPECT_EQ(child.value_type, own.value_type);
  EXPECT_EQ(child.flash_attention, own.flash_attention);
  EXPECT_EQ(child.prompt_cache_mib, own.prompt_cache_mib);
  EXPECT_EQ(child.speculate, engine::Speculation::kAuto);
  EXPECT_EQ(child.context_tokens_max, own.context_tokens_max);
}

TEST(EngineSettingsTest, WhatIsSetReachesTheEngine) {
  const engine::ChildSettings child = Child(
      "[engine]\ncache_type_k = \"q8_0\"\ncache_type_v = \"q4_0\"\nflash_attention = \"on\"\n"
      "prompt_cache_mib = 7\nspeculation = \"ngram\"\nthreads = 3\ncontext_tokens = 4096\n");
  EXPECT_EQ(child.key_type, models::KvType::kQ8_0);
  EXPECT_EQ(child.value_type, models::KvType::kQ4_0);
  EXPECT_EQ(child.flash_attention, engine::FlashAttention::kOn);
  EXPECT_EQ(child.prompt_cache_mib, 7);
  EXPECT_EQ(child.speculate, engine::Speculation::kNgram);
  EXPECT_EQ(child.threads, 3);
  EXPECT_EQ(child.context_tokens_max, 4'096);
}

TEST(EngineSettingsTest, VariablesReachLlamaServerOrAreRefusedWithTheRemedy) {
  const Result<Config> config =
      Parse("[engine]\nenvironment = [\"LD_LIBRARY_PATH=/opt/cuda/lib64\", \"GGML_X=1\"]\n");
  ASSERT_TRUE(config.ok()) << Describe(config.error());
  const engine::LocatorOptions options = LocatorOptionsOf(config->settings);
  EXPECT_EQ(engine::VariableIn(options.environment, "LD_LIBRARY_PATH"), "/opt/cuda/lib64");
  EXPECT_EQ(engine::VariableIn(options.environment, "GGML_X"), "1");
  const Result<Config> wrong = Parse("engine.environment = [\"LLAMA_ARG_THREADS=8\"]\n");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().field, "engine.environment");
}

TEST(EngineSettingsTest, EveryWordThatIsAllowedMeansSomething) {
  for (const char* type :
       {"f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"}) {
    const std::string text = "engine.cache_type_k = \"" + std::string(type) + "\"\n";
    EXPECT_EQ(models::ToString(Child(text).key_type), type);
  }
  EXPECT_EQ(Child("engine.flash_attention = \"off\"").flash_attention,
            engine::FlashAttention::kOff);
  EXPECT_EQ(Child("engine.speculation = \"off\"").speculate, engine::Speculation::kOff);
  EXPECT_EQ(Child("engine.speculation = \"draft\"").speculate, engine::Speculation::kDraft);
  for (const char* wrong : {"cache_type_k = \"q3\"", "cache_type_v = 8", "flash_attention = true",
                            "speculation = \"eagle\"", "prompt_cache_mib = -1"}) {
    const Result<Config> config = Parse("engine." + std::string(wrong));
    ASSERT_FALSE(config.ok()) << wrong;
    EXPECT_TRUE(config.error().field.starts_with("engine.")) << wrong;
  }
}

TEST(EngineSettingsTest, SmallValuesWithoutFlashAttentionAreRefusedNamingBoth) {
  const Result<Config> config =
      Parse("[engine]\ncache_type_v = \"q8_0\"\nflash_attention = \"off\"\n");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().field, "engine.cache_type_v");
  EXPECT_NE(config.error().message.find("engine.flash_attention"), std::string::npos);
  EXPECT_TRUE(Parse("[engine]\ncache_type_k = \"q8_0\"\nflash_attention = \"off\"\n").ok());
  EXPECT_TRUE(Parse("[engine]\ncache_type_v = \"bf16\"\nflash_attention = \"off\"\n").ok());
}

TEST(ConversationsTest, AreKeptUnderTheKeyOfTheStateOrRemoved) {
  std::string pattern = testing::TempDir() + "tidegate-conversations-XXXXXX";
  const fs::path folder = mkdtemp(pattern.data());
  Settings settings;
  settings.engine_conversation_mib = 0;
  auto keeper = OpenConversations(settings, folder.string(), folder.string());
  ASSERT_TRUE(keeper.ok());
  EXPECT_EQ(*keeper, nullptr);
  EXPECT_TRUE(fs::is_empty(folder));  // nothing is made for what is off

  settings.engine_conversation_mib = 8;
  keeper = OpenConversations(settings, folder.string(), folder.string());
  ASSERT_TRUE(keeper.ok()) << Describe(keeper.error());
  EXPECT_NE(*keeper, nullptr);
  EXPECT_TRUE(fs::exists(folder / "ledger.key"));
  const fs::path kept =
      folder / "slots" / (std::string(32, 'a') + "-" + std::string(32, 'b') + ".slot");
  std::ofstream(kept) << "what an earlier gate kept";

  settings.engine_conversation_mib = 0;
  keeper = OpenConversations(settings, folder.string(), folder.string());
  ASSERT_TRUE(keeper.ok());
  EXPECT_EQ(*keeper, nullptr);
  EXPECT_FALSE(fs::exists(kept));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace tidegate::app
