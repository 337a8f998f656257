#include "models/local_models.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "models/gguf_builder.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

class LocalModelsTest : public testing::Test {
 protected:
  LocalModelsTest() {
    std::string pattern = testing::TempDir() + "models-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~LocalModelsTest() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& bytes) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  ModelScan Scan() const { return FindLocalModels({{folder_.string()}, {}}); }

  fs::path folder_;
};

std::string Part(std::uint16_t number, std::uint16_t count) {
  GgufBuilder builder(1, 3);
  builder.KeyText("general.architecture", "llama");
  builder.Key("split.no", kGgufU16).Raw(number).Key("split.count", kGgufU16).Raw(count);
  return builder.Tensor("w", {16}, 0, 0).Data(64).bytes();
}

TEST_F(LocalModelsTest, FindsModelsByFileAndByFolderInOrderOfTheirNames) {
  Write("zeta-Q4_K_M.gguf", SmallModel().bytes());
  Write("alpha/8b.gguf", SmallModel().bytes());
  Write("alpha/readme.txt", "not a model");
  const ModelScan scan = Scan();
  ASSERT_EQ(scan.models.size(), 2U);
  EXPECT_TRUE(scan.problems.empty());
  EXPECT_EQ(scan.models[0].name, "alpha:8b");
  EXPECT_EQ(scan.models[1].name, "zeta-Q4_K_M");
  EXPECT_EQ(scan.models[1].path, (folder_ / "zeta-Q4_K_M.gguf").string());
  EXPECT_EQ(scan.models[1].size_bytes, SmallModel().bytes().size());
  EXPECT_EQ(scan.models[1].metadata.architecture, "llama");
}

TEST_F(LocalModelsTest, AFolderThatDoesNotExistHoldsNoModelsAndNoProblem) {
  const ModelScan scan = FindLocalModels({{(folder_ / "none").string()}, {}});
  EXPECT_TRUE(scan.models.empty());
  EXPECT_TRUE(scan.problems.empty());
}

TEST_F(LocalModelsTest, ADamagedFileIsAProblemAndHidesNoOther) {
  const std::string damaged = Write("bad.gguf", "GGUF but no more");
  Write("good.gguf", SmallModel().bytes());
  const ModelScan scan = Scan();
  ASSERT_EQ(scan.models.size(), 1U);
  EXPECT_EQ(scan.models[0].name, "good");
  ASSERT_EQ(scan.problems.size(), 1U);
  EXPECT_EQ(scan.problems[0].path, damaged);
}

TEST_F(LocalModelsTest, OfTwoModelsWithOneNameTheFirstFolderWins) {
  const std::string first = Write("one/m/x.gguf", SmallModel().bytes());
  const std::string second = Write("two/m/x.gguf", SmallModel().bytes());
  const ModelScan scan =
      FindLocalModels({{(folder_ / "one").string(), (folder_ / "two").string()}, {}});
  ASSERT_EQ(scan.models.size(), 1U);
  EXPECT_EQ(scan.models[0].path, first);
  EXPECT_TRUE(scan.problems.empty());
  ASSERT_EQ(scan.shadowed.size(), 1U);
  EXPECT_EQ(scan.shadowed[0].name, "m:x");
  EXPECT_EQ(scan.shadowed[0].path, second);
  EXPECT_EQ(scan.shadowed[0].by_path, first);
}

TEST_F(LocalModelsTest, ANameWithoutItsTagIsTheSameName) {
  Write("one/m.gguf", SmallModel().bytes());
  Write("two/m/latest.gguf", SmallModel().bytes());
  const ModelScan scan =
      FindLocalModels({{(folder_ / "one").string(), (folder_ / "two").string()}, {}});
  ASSERT_EQ(scan.models.size(), 1U);
  EXPECT_EQ(scan.models[0].name, "m");
  ASSERT_EQ(scan.shadowed.size(), 1U);
  EXPECT_EQ(scan.shadowed[0].name, "m:latest");
}

TEST_F(LocalModelsTest, AFileThatIsListedAndFoundIsOneModel) {
  const std::string path = Write("x.gguf", SmallModel().bytes());
  const ModelScan scan = FindLocalModels({{folder_.string()}, {path}});
  EXPECT_EQ(scan.models.size(), 1U);
  EXPECT_TRUE(scan.problems.empty());
}

TEST_F(LocalModelsTest, ProjectorsAndAdaptersBelongToOtherModels) {
  Write("mmproj-x.gguf", SmallModel().bytes());
  GgufBuilder adapter(0, 2);
  adapter.KeyText("general.architecture", "llama").KeyText("general.type", "adapter");
  Write("lora.gguf", adapter.bytes());
  const ModelScan scan = Scan();
  EXPECT_TRUE(scan.models.empty());
  EXPECT_TRUE(scan.problems.empty());
}

TEST_F(LocalModelsTest, AProjectorBelongsToTheModelThatItsNameNames) {
  for (const char* name : {"gemma-4b-Q4_K_M", "gemma-4b-Q8_0", "gemma-4bx", "other"})
    Write(std::string(name) + ".gguf", SmallModel().bytes());
  const std::string gemma = Write("mmproj-gemma-4b-f16.gguf", SmallModel().bytes());
  const std::string exact = Write("mmproj-other.gguf", SmallModel().bytes());
  const std::string draft = Write("mtp-other.gguf", SmallModel().bytes());
  const ModelScan scan = Scan();
  ASSERT_EQ(scan.models.size(), 4U);
  EXPECT_EQ(scan.models[0].projector_path, gemma);
  EXPECT_EQ(scan.models[1].projector_path, gemma);
  EXPECT_EQ(scan.models[2].projector_path, "");  // gemma-4bx is another one
  EXPECT_EQ(scan.models[3].projector_path, exact);
  EXPECT_EQ(scan.models[3].draft_path, draft);
  EXPECT_EQ(scan.models[0].draft_path, "");
}

TEST_F(LocalModelsTest, AProjectorBelongsToTheModelsWhoseNamesGoOnFromItsOwn) {
  for (const char* name : {"beta-Q4_0", "betamax"})
    Write(std::string(name) + ".gguf", SmallModel().bytes());
  const std::string projector = Write("mmproj-beta.gguf", SmallModel().bytes());
  const ModelScan scan = Scan();
  ASSERT_EQ(scan.models.size(), 2U);
  EXPECT_EQ(scan.models[0].projector_path, projector);
  EXPECT_EQ(scan.models[1].projector_path, "");
}

TEST_F(LocalModelsTest, AProjectorInAFolderOfOneModelBelongsToAllOfIt) {
  Write("gemma/4b.gguf", SmallModel().bytes());
  Write("gemma/12b.gguf", SmallModel().bytes());
  const std::string first = Write("gemma/mmproj-bf16.gguf", SmallModel().bytes());
  Write("gemma/mmproj-f16.gguf", SmallModel().bytes());
  const ModelScan scan = Scan();
  ASSERT_EQ(scan.models.size(), 2U);
  EXPECT_EQ(scan.models[0].projector_path, first);
  EXPECT_EQ(scan.models[1].projector_path, first);
}

TEST(LocalModelNames, MayHavePartsButNoneThatLeadsElsewhere) {
  for (const char* name : {"a", "a:b", "ann/notes:v1", "hf.co/user/Repo-GGUF:Q4_K_M", "a+b", "_x"})
    EXPECT_TRUE(IsUsableName(name)) << name;
  for (const char* name : {"", "/", "/a", "a/", "a//b", "../a", "a/../b", "a/.b", "-a", "a/-b",
                           ".a", "a b", "a,b", "a\\b", "a\nb", "a%2f"})
    EXPECT_FALSE(IsUsableName(name)) << name;
  EXPECT_TRUE(IsUsableName(std::string(kModelNameBytesMax, 'x')));
  EXPECT_FALSE(IsUsableName(std::string(kModelNameBytesMax + 1, 'x')));
}

TEST_F(LocalModelsTest, ASplitModelIsOneModelWithTheSumOfItsParts) {
  Write("big-00001-of-00002.gguf", Part(0, 2));
  Write("big-00002-of-00002.gguf", Part(1, 2));
  const ModelScan scan = Scan();
  ASSERT_EQ(scan.models.size(), 1U) << scan.problems.size();
  EXPECT_EQ(scan.models[0].name, "big");
  EXPECT_EQ(scan.models[0].metadata.parameters, 32U);
  EXPECT_EQ(scan.models[0].metadata.tensor_bytes, 128U);
  EXPECT_EQ(scan.models[0].size_bytes, Part(0, 2).size() + Part(1, 2).size());
}

TEST_F(LocalModelsTest, ASplitModelWithoutAllItsPartsIsAProblemThatNamesTheMissingOne) {
  Write("big-00001-of-00003.gguf", Part(0, 3));
  Write("big-00002-of-00003.gguf", Part(1, 3));
  const ModelScan scan = Scan();
  EXPECT_TRUE(scan.models.empty());
  ASSERT_EQ(scan.problems.size(), 1U);
  EXPECT_NE(scan.problems[0].error.message.find("big-00003-of-00003.gguf"), std::string::npos);
}

TEST_F(LocalModelsTest, APartUnderANameThatHidesItIsAProblem) {
  Write("looks-whole.gguf", Part(0, 2));
  const ModelScan scan = Scan();
  EXPECT_TRUE(scan.models.empty());
  EXPECT_EQ(scan.problems.size(), 1U);
}

TEST_F(LocalModelsTest, NamesThatCouldBeTakenForSomethingElseAreProblems) {
  Write("--help.gguf", SmallModel().bytes());
  Write("a,b.gguf", SmallModel().bytes());
  Write("with space.gguf", SmallModel().bytes());
  Write(std::string(kModelNameBytesMax + 1, 'x') + ".gguf", SmallModel().bytes());
  const ModelScan scan = Scan();
  EXPECT_TRUE(scan.models.empty());
  EXPECT_EQ(scan.problems.size(), 4U);
}

TEST_F(LocalModelsTest, TheDefaultFolderFollowsTheEnvironment) {
  setenv("XDG_DATA_HOME", "/data", 1);
  EXPECT_EQ(*DefaultModelFolder(), "/data/tidegate/models");
  unsetenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  const std::string before = home == nullptr ? "" : home;
  setenv("HOME", "/users/x", 1);
  EXPECT_EQ(*DefaultModelFolder(), "/users/x/.local/share/tidegate/models");
  unsetenv("HOME");
  EXPECT_FALSE(DefaultModelFolder().ok());
  if (home != nullptr) setenv("HOME", before.c_str(), 1);
}

TEST_F(LocalModelsTest, AStoreThatIsNotThereYetHoldsNothing) {
  ModelFolders where;
  where.store = (folder_ / "absent").string();
  const ModelScan scan = FindLocalModels(where);
  EXPECT_TRUE(scan.models.empty());
  EXPECT_TRUE(scan.problems.empty());
}

}  // namespace
}  // namespace tidegate::models
