#include "engine/command_line.h"

#include <algorithm>
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

TEST(CommandLineTest, LeavesACoreToEverybodyElseWhereThereIsMoreThanOne) {
  const int logical = static_cast<int>(std::thread::hardware_concurrency());
  EXPECT_GE(EngineThreads(), 1);
  EXPECT_LE(EngineThreads(), std::max(1, logical - 1));
}

}  // namespace
}  // namespace tidegate::engine
