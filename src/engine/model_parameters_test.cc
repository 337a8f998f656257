#include "engine/model_parameters.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

TEST(ModelParameters, SayWhatAnswersAndTheProcessAreLike) {
  const Result<ModelParameters> read = ReadModelParameters({{"temperature", "0.2"},
                                                            {"top_k", "20"},
                                                            {"num_predict", "128"},
                                                            {"seed", "42"},
                                                            {"stop", R"(["<a>","<b>"])"},
                                                            {"num_ctx", "16384"},
                                                            {"num_gpu", "99"},
                                                            {"use_mmap", "false"},
                                                            {"mirostat", "2"}});
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->defaults.temperature, 0.2);
  EXPECT_EQ(read->defaults.top_k, 20);
  EXPECT_EQ(read->defaults.max_output_tokens, 128);
  EXPECT_EQ(read->defaults.seed, 42);
  EXPECT_EQ(read->defaults.stop, (std::vector<std::string>{"<a>", "<b>"}));
  EXPECT_EQ(read->context_tokens, 16384);
  EXPECT_EQ(read->gpu_layers, 99);
  EXPECT_EQ(read->memory_map, false);
  EXPECT_FALSE(read->threads);
  EXPECT_EQ(read->ignored, std::vector<std::string>{"mirostat"});
}

TEST(ModelParameters, NumbersThatMeanNoneAreNone) {
  const Result<ModelParameters> read =
      ReadModelParameters({{"num_predict", "-1"}, {"seed", "-1"}, {"stop", R"("x")"}});
  ASSERT_TRUE(read.ok());
  EXPECT_FALSE(read->defaults.max_output_tokens);
  EXPECT_FALSE(read->defaults.seed);
  EXPECT_EQ(read->defaults.stop, std::vector<std::string>{"x"});
  EXPECT_TRUE(ReadModelParameters({})->defaults.empty());
}

TEST(ModelParameters, RefuseWhatNobodyMeans) {
  const auto field = [](const std::string& name, const std::string& value) {
    const Result<ModelParameters> read = ReadModelParameters({{name, value}});
    return read.ok() ? std::string("taken") : read.error().field;
  };
  for (const auto& [name, value] : {std::pair{"temperature", "\"hot\""},
                                    {"temperature", "-1"},
                                    {"temperature", "1e999"},
                                    {"top_p", "2"},
                                    {"top_k", "1.5"},
                                    {"num_ctx", "0"},
                                    {"num_ctx", "99999999999"},
                                    {"use_mmap", "1"},
                                    {"stop", "[1]"},
                                    {"colour", "1"},
                                    {"seed", "null"},
                                    {"seed", "{"}}) {
    EXPECT_EQ(field(name, value), std::string("parameters.") + name) << value;
  }
}

}  // namespace
}  // namespace tidegate::engine
