#include "app/use_weights.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "engine/use_weight.h"

namespace tidegate::app {
namespace {

constexpr std::int64_t kNow = 1'795'000'000'000'000'000;

TEST(UseWeights, ReadBackWhatTheyWereAndLighterWithTime) {
  const UseWeights weights = {{"llama3.2:latest", 3.5}, {"a b", 0.25}, {"hardly", 0.001}};
  const std::string text = WriteUseWeights(weights, kNow);
  const Result<UseWeights> same = ReadUseWeights(text, kNow);
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(*same, (UseWeights{{"a b", 0.25}, {"llama3.2:latest", 3.5}}));
  const Result<UseWeights> later = ReadUseWeights(text, kNow + engine::kUseHalfLifeNanos);
  ASSERT_TRUE(later.ok());
  EXPECT_DOUBLE_EQ(later->at("llama3.2:latest"), 1.75);
  EXPECT_EQ(*ReadUseWeights(text, kNow - 1), *same) << "the clock was set back";
  EXPECT_TRUE(ReadUseWeights(WriteUseWeights({{"two\nlines", 1}}, kNow), kNow)->empty());
}

TEST(UseWeights, ADamagedTextIsRefused) {
  for (const char* text :
       {"", "\n", "tidegate uses 2 5\n", "tidegate uses 1 x\n", "tidegate uses 1 5\n3\n",
        "tidegate uses 1 5\n3 \n", "tidegate uses 1 5\nmany a\n", "tidegate uses 1 5\n-1 a\n",
        "tidegate uses 1 5\nnan a\n", "tidegate uses 1 5\n1e300 a\n", "tidegate uses 1 5\n\n"}) {
    EXPECT_FALSE(ReadUseWeights(text, kNow).ok()) << text;
  }
  std::string many = "tidegate uses 1 5\n";
  for (std::size_t i = 0; i <= kUseWeightsMax; ++i) many += "1 m" + std::to_string(i) + "\n";
  EXPECT_FALSE(ReadUseWeights(many, kNow).ok());
}

class UseWeightsFileTest : public testing::Test {
 protected:
  UseWeightsFileTest() {
    std::string pattern = testing::TempDir() + "uses-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/uses";
  }
  ~UseWeightsFileTest() override { std::filesystem::remove_all(folder_); }
  void Keep(const UseWeights& weights) {
    const UseWeightsFile file(path_, clock_, [weights] { return weights; });
  }

  FakeClock clock_;
  std::string folder_, path_;
};

TEST_F(UseWeightsFileTest, KeepsAtItsEndWhatWasUsed) {
  EXPECT_TRUE(UseWeightsFile::Load(path_, clock_).empty());
  Keep({{"a", 2}});
  EXPECT_EQ(UseWeightsFile::Load(path_, clock_), (UseWeights{{"a", 2}}));
  Keep({{"b", 1}});
  EXPECT_EQ(UseWeightsFile::Load(path_, clock_), (UseWeights{{"b", 1}}));
  Keep({});
  EXPECT_EQ(UseWeightsFile::Load(path_, clock_), (UseWeights{{"b", 1}})) << "nothing was used";
  const auto mode = std::filesystem::status(path_).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(UseWeightsFileTest, AFileThatIsNoneOfOursIsNoReasonNotToStart) {
  std::ofstream(path_) << "something else";
  EXPECT_TRUE(UseWeightsFile::Load(path_, clock_).empty());
  Keep({{"a", 2}});
  EXPECT_EQ(UseWeightsFile::Load(path_, clock_).size(), 1U);
}

TEST_F(UseWeightsFileTest, AFolderThatIsGoneEndsNothing) {
  path_ = folder_ + "/gone/uses";
  Keep({{"a", 2}});
  EXPECT_TRUE(UseWeightsFile::Load(path_, clock_).empty());
}

}  // namespace
}  // namespace tidegate::app
