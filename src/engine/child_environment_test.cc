#include "engine/child_environment.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

TEST(ChildEnvironmentTest, WhatChoosesDevicesPassesAndNothingElse) {
  ASSERT_EQ(setenv("CUDA_VISIBLE_DEVICES", "1", 1), 0);
  ASSERT_EQ(setenv("TIDEGATE_TEST_API_KEY", "secret", 1), 0);
  const std::vector<std::string> environment = ChildEnvironment({"GGML_CUDA_NO_PINNED=1"});
  EXPECT_EQ(VariableIn(environment, "CUDA_VISIBLE_DEVICES"), "1");
  EXPECT_EQ(VariableIn(environment, "GGML_CUDA_NO_PINNED"), "1");
  EXPECT_EQ(VariableIn(environment, "TIDEGATE_TEST_API_KEY"), "");
  EXPECT_EQ(VariableIn(environment, "PATH"), "");
  EXPECT_EQ(VariableIn(environment, "HOME"), "");
}

TEST(ChildEnvironmentTest, TheConfigurationWinsAndTheLastOfTwo) {
  ASSERT_EQ(setenv("HIP_VISIBLE_DEVICES", "0,1", 1), 0);
  const std::vector<std::string> environment =
      ChildEnvironment({"HIP_VISIBLE_DEVICES=2", "A=x=y", "HIP_VISIBLE_DEVICES=", "A_B=z"});
  EXPECT_EQ(std::count(environment.begin(), environment.end(), "HIP_VISIBLE_DEVICES="), 1);
  EXPECT_EQ(std::count(environment.begin(), environment.end(), "HIP_VISIBLE_DEVICES=2"), 0);
  EXPECT_EQ(VariableIn(environment, "A"), "x=y");
  EXPECT_EQ(VariableIn(environment, "A_B"), "z");
}

TEST(ChildEnvironmentTest, WhatIsNoVariableOrDecidedElsewhereOrASecretIsRefusedWithTheRemedy) {
  EXPECT_TRUE(CheckVariables({"LD_LIBRARY_PATH=/opt/cuda/lib64", "GGML_X=", "a1=b"}).ok());
  const struct {
    const char* variable;
    const char* says;
  } cases[] = {{"GGML_X", "write NAME=value"},
               {"=x", "write NAME=value"},
               {"1A=x", "write NAME=value"},
               {"A B=x", "write NAME=value"},
               {"LLAMA_ARG_CTX_SIZE=8", "use the settings in [engine]"},
               {"LLAMA_API_KEY=x", "use the settings in [engine]"},
               {"HF_TOKEN=x", "looks like a secret"},
               {"openai_api_key=x", "looks like a secret"}};
  for (const auto& [variable, says] : cases) {
    const Result<void> checked = CheckVariables({variable});
    ASSERT_FALSE(checked.ok()) << variable;
    EXPECT_EQ(checked.error().field, "engine.environment");
    EXPECT_NE(checked.error().message.find(says), std::string::npos) << checked.error().message;
  }
  EXPECT_FALSE(CheckVariables({std::string("A=\0b", 4)}).ok());
  EXPECT_FALSE(CheckVariables(std::vector<std::string>(kVariablesMax + 1, "A=b")).ok());
  for (const std::string_view name : PassedVariables()) {
    EXPECT_TRUE(CheckVariables({std::string(name) + "=0"}).ok()) << name;
  }
}

}  // namespace
}  // namespace tidegate::engine
