#include "cli/modelfile.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

std::string ErrorOf(std::string_view text) {
  const Result<Modelfile> parsed = ParseModelfile(text);
  return parsed.ok() ? "(none)" : parsed.error().message;
}

TEST(Modelfile, EveryInstructionHasItsPlace) {
  const Result<Modelfile> file = ParseModelfile(
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
}

TEST(Modelfile, AnErrorSaysTheLineAndTheRemedy) {
  EXPECT_NE(ErrorOf("SYSTEM hi\n").find("no FROM line"), std::string::npos);
  EXPECT_NE(ErrorOf("").find("no FROM line"), std::string::npos);
  EXPECT_EQ(ErrorOf("FROM a\n\nFORM b\n"),
            "Modelfile line 3: 'FORM' is no instruction; did you mean 'from'?");
  EXPECT_EQ(ErrorOf("FROM a\nPARAMETER num_ctx big\n"),
            "Modelfile line 2: parameter 'num_ctx' must be a whole number, not 'big'");
  EXPECT_EQ(ErrorOf("FROM a\nMESSAGE robot hi"),
            "Modelfile line 2: a message is from system, user or assistant, not 'robot'");
  EXPECT_EQ(ErrorOf("FROM a\nSYSTEM \"\"\"never\nclosed\n"),
            "Modelfile line 2: the value's quotes are never closed");
  EXPECT_EQ(ErrorOf("FROM a\nSYSTEM\n"), "Modelfile line 2: a value is missing");
  EXPECT_EQ(ErrorOf("FROM \"a\" b\n"),
            "Modelfile line 1: unexpected text behind the closing quotes");
}

}  // namespace
}  // namespace tidegate::cli
