#include "engine/command_line.h"

#include <algorithm>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

const ChildFiles kFiles{"/run/x/a.sock", "/run/x/a.key"};

EngineBinary Binary(OptionNames more = {}) {
  EngineBinary binary{"/usr/bin/llama-server",
                      "0.7.0",
                      {"--model", "--host", "--api-key-file", "--ctx-size", "--parallel"},
                      true};
  binary.options.merge(more);
  return binary;
}

models::LocalModel Model(std::uint64_t context_tokens) {
  models::LocalModel model{"tiny:4b", "/models/tiny.gguf", 1, {}};
  model.metadata.context_tokens = context_tokens;
  return model;
}

using Argv = std::vector<std::string>;

TEST(CommandLineTest, OfAnOldVersionUsesOnlyWhatItHas) {
  const Result<Argv> argv = MakeCommandLine(Binary(), Model(4096), {}, 2, kFiles);
  ASSERT_TRUE(argv.ok());
  EXPECT_EQ(*argv, (Argv{"/usr/bin/llama-server", "--model", "/models/tiny.gguf", "--host",
                         "/run/x/a.sock", "--api-key-file", "/run/x/a.key", "--ctx-size", "8192",
                         "--parallel", "2"}));
}

TEST(CommandLineTest, OfANewVersionBoundsMemoryAndStaysOfflineAndQuiet) {
  ChildSettings settings;
  settings.threads = 3;
  const Result<Argv> argv = MakeCommandLine(
      Binary({"--kv-unified", "-kvu", "--fit-ctx", "--alias", "--threads", "--threads-batch",
              "--cache-ram", "--no-warmup", "--offline", "--no-ui", "--no-webui", "--verbosity",
              "--log-verbosity", "--no-log-prefix", "--no-log-timestamps"}),
      Model(4096), settings, 1, kFiles);
  ASSERT_TRUE(argv.ok());
  const Argv expected{"--parallel",
                      "1",
                      "--kv-unified",
                      "--fit-ctx",
                      "4096",
                      "--alias",
                      "tiny:4b",
                      "--threads",
                      "3",
                      "--threads-batch",
                      "3",
                      "--cache-ram",
                      "256",
                      "--no-warmup",
                      "--offline",
                      "--no-ui",
                      "--verbosity",
                      "2",
                      "--no-log-prefix",
                      "--no-log-timestamps"};
  EXPECT_EQ(Argv(argv->begin() + 9, argv->end()), expected);
}

TEST(CommandLineTest, ATemplateTakesThePlaceOfTheOneInTheWeights) {
  models::LocalModel model = Model(4096);
  model.jinja_template = "{{ messages }}";
  const Result<Argv> argv =
      MakeCommandLine(Binary({"--chat-template", "--jinja"}), model, {}, 2, kFiles);
  ASSERT_TRUE(argv.ok());
  EXPECT_EQ(Argv(argv->end() - 3, argv->end()),
            (Argv{"--chat-template", "{{ messages }}", "--jinja"}));
  const Result<Argv> unable = MakeCommandLine(Binary(), model, {}, 2, kFiles);
  ASSERT_FALSE(unable.ok());
  EXPECT_EQ(unable.error().reason, "engine_too_old");
}

TEST(CommandLineTest, WhatEmbedsOrRanksIsToldSoAndReadsATextInOnePiece) {
  models::LocalModel model = Model(512);
  model.metadata.pooling = models::GgufPooling::kEmbedding;
  const OptionNames able{"--ubatch-size", "--batch-size", "--embeddings", "--reranking"};
  const Result<Argv> embeds = MakeCommandLine(Binary(able), model, {}, 2, kFiles);
  ASSERT_TRUE(embeds.ok());
  EXPECT_EQ(Argv(embeds->end() - 5, embeds->end()),
            (Argv{"--ubatch-size", "512", "--batch-size", "512", "--embeddings"}));
  const Result<Argv> unable = MakeCommandLine(Binary(), model, {}, 2, kFiles);
  ASSERT_FALSE(unable.ok());
  EXPECT_EQ(unable.error().reason, "engine_too_old");
  model.metadata.pooling = models::GgufPooling::kRank;
  EXPECT_EQ(MakeCommandLine(Binary(able), model, {}, 2, kFiles)->back(), "--reranking");
}

TEST(CommandLineTest, OnlyWhatWritesSharesOnePoolBetweenItsSlots) {
  models::LocalModel model = Model(512);
  const OptionNames able{"--kv-unified", "--no-kv-unified", "--ubatch-size",
                         "--batch-size", "--embeddings",    "--reranking"};
  const auto has = [&](const std::string& option) {
    const Result<Argv> argv = MakeCommandLine(Binary(able), model, {}, 4, kFiles);
    return argv.ok() && std::find(argv->begin(), argv->end(), option) != argv->end();
  };
  EXPECT_TRUE(has("--kv-unified"));
  EXPECT_FALSE(has("--no-kv-unified"));
  for (const auto pooling : {models::GgufPooling::kEmbedding, models::GgufPooling::kRank}) {
    model.metadata.pooling = pooling;
    EXPECT_FALSE(has("--kv-unified"));
    EXPECT_TRUE(has("--no-kv-unified"));
  }
}

TEST(CommandLineTest, TheContextIsTheSmallerOfTrainedAndAllowed) {
  ChildSettings settings;
  settings.context_tokens_max = 1000;
  EXPECT_EQ(ContextTokens(Model(4096), settings), 1000);
  EXPECT_EQ(ContextTokens(Model(512), settings), 512);
  EXPECT_EQ(ContextTokens(Model(0), settings), 1000);  // the file does not say
}

TEST(CommandLineTest, WithoutAnOptionThatKeepsItSafeNothingIsStarted) {
  for (const char* option : {"--model", "--host", "--api-key-file", "--ctx-size", "--parallel"}) {
    EngineBinary binary = Binary();
    binary.options.erase(option);
    const Result<Argv> argv = MakeCommandLine(binary, Model(0), {}, 1, kFiles);
    ASSERT_FALSE(argv.ok()) << option;
    EXPECT_EQ(argv.error().reason, "engine_too_old");
    EXPECT_NE(argv.error().message.find(option), std::string::npos);
    EXPECT_NE(argv.error().message.find("0.7.0"), std::string::npos);
  }
  EngineBinary tcp_only = Binary();
  tcp_only.unix_sockets = false;
  EXPECT_FALSE(MakeCommandLine(tcp_only, Model(0), {}, 1, kFiles).ok());
}

// The arguments behind those that every command line has.
Argv Behind(const Result<Argv>& argv) {
  EXPECT_TRUE(argv.ok()) << Describe(argv.error());
  return argv.ok() ? Argv(argv->begin() + 11, argv->end()) : Argv();
}

TEST(CommandLineTest, SettingsThatAreNotMadeAreLeftToLlamaServer) {
  const OptionNames all{"--cache-type-k",     "--cache-type-v",   "--flash-attn",
                        "--gpu-layers",       "--ubatch-size",    "--mmproj",
                        "--spec-type",        "--lora-scaled",    "--batch-size",
                        "--spec-draft-model", "--slot-save-path", "--spec-draft-n-max"};
  EXPECT_TRUE(Behind(MakeCommandLine(Binary(all), Model(4096), {}, 1, kFiles)).empty());
}

struct OneSetting {
  const char* option;
  std::function<void(ChildSettings&)> make;
  Argv expected;
};

std::vector<OneSetting> EachSetting() {
  return {
      {"--cache-type-k",
       [](auto& s) { s.key_type = models::KvType::kQ8_0; },
       {"--cache-type-k", "q8_0"}},
      {"--cache-type-v",
       [](auto& s) { s.value_type = models::KvType::kBf16; },
       {"--cache-type-v", "bf16"}},
      {"--flash-attn",
       [](auto& s) { s.flash_attention = FlashAttention::kOn; },
       {"--flash-attn", "on"}},
      {"--flash-attn",
       [](auto& s) { s.flash_attention = FlashAttention::kOff; },
       {"--flash-attn", "off"}},
      {"--device", [](auto& s) { s.devices = "CUDA0,CUDA2"; }, {"--device", "CUDA0,CUDA2"}},
      {"--gpu-layers", [](auto& s) { s.device_layers = 7; }, {"--gpu-layers", "7"}},
      {"--ubatch-size", [](auto& s) { s.ubatch = 1'024; }, {"--ubatch-size", "1024"}},
      {"--mmproj", [](auto& s) { s.projector_path = "/m/p.gguf"; }, {"--mmproj", "/m/p.gguf"}},
      {"--spec-type", [](auto& s) { s.speculation = "ngram-mod"; }, {"--spec-type", "ngram-mod"}},
      {"--spec-draft-n-max", [](auto& s) { s.draft_tokens = 5; }, {"--spec-draft-n-max", "5"}},
      {"--slot-save-path", [](auto& s) { s.slot_save_folder = "/s"; }, {"--slot-save-path", "/s"}},
      {"--lora-scaled",
       [](auto& s) {
         s.adapters = {{"/a.gguf", 1}, {"/b.gguf", 0.5}};
       },
       {"--lora-scaled", "/a.gguf:1,/b.gguf:0.5"}},
  };
}

TEST(CommandLineTest, EachSettingBecomesItsOption) {
  for (const OneSetting& setting : EachSetting()) {
    ChildSettings settings;
    setting.make(settings);
    const Result<Argv> argv =
        MakeCommandLine(Binary({setting.option}), Model(4096), settings, 1, kFiles);
    EXPECT_EQ(Behind(argv), setting.expected) << setting.option;
  }
}

TEST(CommandLineTest, ASettingThatThisVersionLacksIsRefusedAndNotDropped) {
  for (const OneSetting& setting : EachSetting()) {
    ChildSettings settings;
    setting.make(settings);
    const Result<Argv> argv = MakeCommandLine(Binary(), Model(4096), settings, 1, kFiles);
    ASSERT_FALSE(argv.ok()) << setting.option;
    EXPECT_EQ(argv.error().reason, "engine_too_old");
    EXPECT_NE(argv.error().message.find(setting.option), std::string::npos);
  }
}

TEST(CommandLineTest, OneThatIsToUseDevicesSaysWhichItUses) {
  ChildSettings settings;
  settings.tells_devices = true;
  EXPECT_EQ(Behind(MakeCommandLine(Binary({"--verbosity"}), Model(4096), settings, 1, kFiles)),
            (Argv{"--verbosity", "4"}));
}

TEST(CommandLineTest, ADraftModelNeedsAWayToUseIt) {
  ChildSettings settings;
  settings.draft_path = "/m/draft.gguf";
  const EngineBinary binary = Binary({"--spec-type", "--spec-draft-model"});
  const Result<Argv> without = MakeCommandLine(binary, Model(4096), settings, 1, kFiles);
  ASSERT_FALSE(without.ok());
  EXPECT_EQ(without.error().field, "speculation");
  settings.speculation = "draft-simple";
  EXPECT_EQ(Behind(MakeCommandLine(binary, Model(4096), settings, 1, kFiles)),
            (Argv{"--spec-type", "draft-simple", "--spec-draft-model", "/m/draft.gguf"}));
}

TEST(CommandLineTest, QuantisedValuesTurnFlashAttentionOn) {
  ChildSettings settings;
  settings.value_type = models::KvType::kQ4_0;
  const EngineBinary binary = Binary({"--cache-type-v", "--flash-attn"});
  EXPECT_EQ(Behind(MakeCommandLine(binary, Model(4096), settings, 1, kFiles)),
            (Argv{"--cache-type-v", "q4_0", "--flash-attn", "on"}));
  settings.flash_attention = FlashAttention::kOff;
  const Result<Argv> both = MakeCommandLine(binary, Model(4096), settings, 1, kFiles);
  ASSERT_FALSE(both.ok());
  EXPECT_EQ(both.error().field, "cache_type_v");
}

TEST(CommandLineTest, ALargeBatchRaisesBothLimits) {
  ChildSettings settings;
  settings.ubatch = 4'096;
  EXPECT_EQ(Behind(MakeCommandLine(Binary({"--ubatch-size", "--batch-size"}), Model(8192), settings,
                                   1, kFiles)),
            (Argv{"--ubatch-size", "4096", "--batch-size", "4096"}));
}

TEST(CommandLineTest, AnAdapterWhosePathNoOptionCanCarryIsRefused) {
  for (const char* path : {"/a,b.gguf", "/a:b.gguf"}) {
    ChildSettings settings;
    settings.adapters = {{path, 1}};
    const Result<Argv> argv =
        MakeCommandLine(Binary({"--lora-scaled"}), Model(4096), settings, 1, kFiles);
    ASSERT_FALSE(argv.ok()) << path;
    EXPECT_EQ(argv.error().field, "adapters");
  }
}

TEST(CommandLineTest, LeavesACoreToEverybodyElseWhereThereIsMoreThanOne) {
  const int logical = static_cast<int>(std::thread::hardware_concurrency());
  EXPECT_GE(EngineThreads(), 1);
  EXPECT_LE(EngineThreads(), std::max(1, logical - 1));
}

}  // namespace
}  // namespace tidegate::engine
