#include "engine/model_settings.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

models::LocalModel Model() {
  models::LocalModel model;
  model.name = "tide";
  model.path = "/models/tide.gguf";
  model.size_bytes = 1'000;
  model.metadata.context_tokens = 32'768;
  return model;
}

TEST(ModelSettings, HoldWhatComesWithTheModel) {
  models::LocalModel model = Model();
  model.projector_path = "/models/mmproj-tide.gguf";
  model.adapter_paths = {"/models/lora.gguf"};
  model.parameters = {{"num_ctx", "16384"}, {"num_thread", "3"}, {"num_gpu", "12"}};
  const ChildSettings settings = SettingsFor(model, ChildSettings());
  EXPECT_EQ(settings.projector_path, "/models/mmproj-tide.gguf");
  ASSERT_EQ(settings.adapters.size(), 1U);
  EXPECT_EQ(settings.adapters[0].path, "/models/lora.gguf");
  EXPECT_EQ(ContextTokens(model, settings), 16'384);
  EXPECT_EQ(settings.threads, 3);
  EXPECT_EQ(settings.device_layers, 12);
}

TEST(ModelSettings, AreTheGatesWhereTheModelSaysNothing) {
  ChildSettings base;
  base.threads = 5;
  models::LocalModel model = Model();
  model.parameters = {{"num_thread", "0"}, {"num_gpu", "-1"}};
  const ChildSettings settings = SettingsFor(model, base);
  EXPECT_EQ(settings.threads, 5);
  EXPECT_FALSE(settings.device_layers);
  EXPECT_EQ(ContextTokens(model, settings), kContextTokensDefault);
}

TEST(ModelSettings, LeaveADraftOutThatDoesNotFitUnlessItIsNamed) {
  models::LocalModel model = Model();
  model.draft_path = "/models/mtp-tide.gguf";
  EngineBinary binary;
  binary.path = "/bin/llama-server";
  binary.unix_sockets = true;
  binary.options = {"--model",    "--host",      "--api-key-file",    "--ctx-size",
                    "--parallel", "--spec-type", "--spec-draft-model"};
  const auto command = [&](const ChildSettings& base) {
    return MakeCommandLine(binary, model, SettingsFor(model, base), 1, {"/run/a.sock", "/run/key"});
  };
  const Result<std::vector<std::string>> plain = command(ChildSettings());
  ASSERT_TRUE(plain.ok()) << plain.error().message;
  ChildSettings asked;
  asked.speculation = "draft-simple";
  const Result<std::vector<std::string>> drafting = command(asked);
  ASSERT_TRUE(drafting.ok()) << drafting.error().message;
  std::string line;
  for (const std::string& word : *drafting) line += word + " ";
  EXPECT_NE(line.find("--spec-draft-model /models/mtp-tide.gguf "), std::string::npos) << line;
}

}  // namespace
}  // namespace tidegate::engine
