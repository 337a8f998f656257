#include "models/model_name.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::models {
namespace {

std::string Full(std::string_view text) {
  const Result<ModelName> name = ModelName::Parse(text, "model");
  return name.ok() ? name->Full() : "refused at " + name.error().field;
}
std::string Short(std::string_view text) { return ModelName::Parse(text, "model")->Short(); }

TEST(ModelName, FillsInWhatIsLeftOut) {
  EXPECT_EQ(Full("llama3"), "registry.ollama.ai/library/llama3:latest");
  EXPECT_EQ(Full("llama3:8b"), "registry.ollama.ai/library/llama3:8b");
  EXPECT_EQ(Full("ann/notes"), "registry.ollama.ai/ann/notes:latest");
  EXPECT_EQ(Full("hf.co/user/Repo-GGUF:Q4_K_M"), "hf.co/user/Repo-GGUF:Q4_K_M");
  EXPECT_EQ(Full("localhost:5000/ann/notes"), "localhost:5000/ann/notes:latest");
  EXPECT_EQ(Full("https://hf.co/user/repo:q8"), "hf.co/user/repo:q8");
}

TEST(ModelName, IsShownWithoutDefaultsAndWithItsTag) {
  EXPECT_EQ(Short("llama3"), "llama3:latest");
  EXPECT_EQ(Short("registry.ollama.ai/library/llama3:8b"), "llama3:8b");
  EXPECT_EQ(Short("registry.ollama.ai/ann/notes"), "ann/notes:latest");
  EXPECT_EQ(Short("hf.co/user/repo:q8"), "hf.co/user/repo:q8");
  EXPECT_EQ(ModelName::Parse("hf.co/user/repo:q8", "m")->Path(), "hf.co/user/repo/q8");
}

TEST(ModelName, RefusesWhatCouldLeadElsewhere) {
  for (const std::string& text : {std::string(),
                                  std::string("../x"),
                                  std::string("a/../b"),
                                  std::string("a/b/.."),
                                  std::string(".hidden"),
                                  std::string("-rf"),
                                  std::string("a:"),
                                  std::string(":a"),
                                  std::string("a/b/c/d"),
                                  std::string("a//b"),
                                  std::string("/a"),
                                  std::string("a/"),
                                  std::string("a b"),
                                  std::string("a:b:c"),
                                  std::string("x:../../y"),
                                  std::string("a\\b"),
                                  std::string("a%2e%2e"),
                                  std::string("n.s/model"),
                                  std::string("http://hf.co/a/b"),
                                  std::string("ftp://hf.co/a/b"),
                                  std::string("m\0", 2),
                                  std::string(81, 'm'),
                                  "m:" + std::string(81, 't'),
                                  std::string(351, 'h') + "/n/m",
                                  std::string("h/n/m\n")}) {
    EXPECT_EQ(Full(text), "refused at model") << text;
  }
}

}  // namespace
}  // namespace tidegate::models
