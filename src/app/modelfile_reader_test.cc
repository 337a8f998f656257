#include "app/modelfile_reader.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::app {
namespace {

std::string ErrorOf(std::string_view text) {
  const Result<cli::Modelfile> read = ReadModelfile(text);
  return read.ok() ? "(none)" : read.error().message;
}

TEST(ModelfileReader, EveryInstructionHasItsPlace) {
  const Result<cli::Modelfile> file = ReadModelfile(
      "# a comment\n\nFROM ./weights.gguf\nfrom mmproj.gguf\n"
      "PARAMETER temperature 0.7\nPARAMETER stop \"<end of\nturn>\"\nparameter stop User:\n"
      "TEMPLATE \"\"\"{{ .System }}\n# no comment here\n{{ .Prompt }}\"\"\"\n"
      "SYSTEM   You are \"brief\".  \n"
      "MESSAGE user Hi\nMESSAGE assistant \"\"\"Hello\nthere\"\"\"\n"
      "ADAPTER lora.gguf\nDRAFT small.gguf\nLICENSE MIT\nLICENSE \"\"\"Apache\n2\"\"\"\n"
      "RENDERER r\nPARSER p\nREQUIRES 0.14.0");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->from, (std::vector<std::string>{"./weights.gguf", "mmproj.gguf"}));
  EXPECT_EQ(file->parameters_json.at("temperature"), "0.7");
  EXPECT_EQ(file->parameters_json.at("stop"), R"(["<end of\nturn>","User:"])");
  EXPECT_EQ(file->model_template, "{{ .System }}\n# no comment here\n{{ .Prompt }}");
  EXPECT_EQ(file->system, "You are \"brief\".");
  using Message = std::pair<std::string, std::string>;
  EXPECT_EQ(file->messages, (std::vector<Message>{{"user", "Hi"}, {"assistant", "Hello\nthere"}}));
  EXPECT_EQ(file->adapters, std::vector<std::string>{"lora.gguf"});
  EXPECT_EQ(file->drafts, std::vector<std::string>{"small.gguf"});
  EXPECT_EQ(file->licenses, (std::vector<std::string>{"MIT", "Apache\n2"}));
  EXPECT_EQ(file->renderer, "r");
  EXPECT_EQ(file->parser, "p");
  EXPECT_EQ(file->requires_version, "0.14.0");
  EXPECT_TRUE(file->warnings.empty());
}

TEST(ModelfileReader, AnErrorSaysTheLineAndTheRemedy) {
  EXPECT_EQ(ErrorOf("SYSTEM hi\n"),
            "Modelfile: no FROM line: name the model or file to begin with, as FROM llama3");
  EXPECT_NE(ErrorOf("").find("no FROM line"), std::string::npos);
  EXPECT_TRUE(ErrorOf("FROM a\n\nFORM b\n")
                  .starts_with("Modelfile line 3: command must be one of \"from\""));
  EXPECT_EQ(ErrorOf("FROM a\nPARAMETER num_ctx big\n"),
            "Modelfile line 2: parameter 'num_ctx' must be a whole number");
  EXPECT_TRUE(ErrorOf("FROM a\nMESSAGE robot hi")
                  .starts_with("Modelfile line 2: message role must be one of"));
  EXPECT_TRUE(ErrorOf("FROM a\nSYSTEM \"\"\"never\nclosed\n")
                  .starts_with("Modelfile line 2: unexpected EOF"));
  EXPECT_TRUE(ErrorOf("FROM a\nSYSTEM\n").starts_with("Modelfile line 2: system needs a value"));
}

TEST(ModelfileReader, WhatHasNoEffectIsSaid) {
  const Result<cli::Modelfile> file = ReadModelfile("FROM a\nPARAMETER mirostat 1\n");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->warnings,
            std::vector<std::string>{
                "Modelfile line 2: parameter mirostat is obsolete and has no effect"});
  EXPECT_TRUE(file->parameters_json.empty());
}

}  // namespace
}  // namespace tidegate::app
