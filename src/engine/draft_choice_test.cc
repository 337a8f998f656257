#include "engine/draft_choice.h"

#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "engine/tiny_architectures.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

TinySizes Large() {
  return {.layers = 6, .width = 512, .feed_forward = 2'048, .vocabulary = 1'024};
}
TinySizes Small() {
  return {.layers = 1, .width = 128, .feed_forward = 256, .heads = 2, .vocabulary = 1'024};
}

class DraftChoiceTest : public testing::Test {
 protected:
  DraftChoiceTest() {
    std::string pattern = testing::TempDir() + "tidegate-draft-choice-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    Add("tide-8b", Llama(Large()));
  }
  ~DraftChoiceTest() override { fs::remove_all(folder_); }

  void Add(const std::string& name, const TinyModel& tiny) {
    const std::string path = PathOf(name);
    ASSERT_TRUE(tiny.Write(path));
    Result<models::LocalModel> model = models::ReadLocalModel(path, name);
    ASSERT_TRUE(model.ok()) << Describe(model.error());
    models_.push_back(*std::move(model));
  }
  std::string PathOf(const std::string& name) const {
    return (folder_ / (name + ".gguf")).string();
  }
  ModelFit Fit(const FitPolicy& policy = {}) const {
    return FitWithDraft(models_.at(0), models_, policy)->standard();
  }

  fs::path folder_;
  std::vector<models::LocalModel> models_;
};

TEST_F(DraftChoiceTest, TheSmallestOfTheSameVocabularyGuessesForTheLargest) {
  EXPECT_EQ(FindDraft(models_[0], models_), "");
  Add("tide-2b", Llama({.layers = 2, .width = 256, .feed_forward = 512, .vocabulary = 1'024}));
  EXPECT_EQ(FindDraft(models_[0], models_), PathOf("tide-2b"));
  Add("tide-1b", Llama(Small()));
  EXPECT_EQ(FindDraft(models_[0], models_), PathOf("tide-1b"));
  EXPECT_EQ(FindDraft(models_[2], models_), "") << "none is smaller";
  const ModelFit fit = Fit();
  EXPECT_EQ(fit.settings.speculation, "draft-simple");
  EXPECT_EQ(fit.settings.draft_path, PathOf("tide-1b"));
  EXPECT_GT(fit.memory.other, 0U);
}

TEST_F(DraftChoiceTest, OneOfAnotherVocabularyOrKindOrSizeDoesNot) {
  TinySizes other = Small();
  other.vocabulary = 2'048;
  Add("other-1b", Llama(other));
  Add("vectors", Llama(Small()).Number("pooling_type", 1));
  TinySizes large = Large();
  large.layers = 3;  // half of it
  Add("tide-4b", Llama(large));
  EXPECT_EQ(FindDraft(models_[0], models_), "");
  EXPECT_EQ(Fit().settings.speculation, "");
}

TEST_F(DraftChoiceTest, ItIsLookedForWhereThatIsWantedAndThereIsNoOtherMeans) {
  Add("tide-1b", Llama(Small()));
  FitPolicy policy;
  policy.child.speculate = Speculation::kOff;
  EXPECT_EQ(Fit(policy).settings.draft_path, "");
  policy.child.speculate = Speculation::kNgram;
  EXPECT_EQ(Fit(policy).settings.draft_path, "");
  policy.child.speculate = Speculation::kDraft;
  EXPECT_EQ(Fit(policy).settings.draft_path, PathOf("tide-1b"));
  models_[0].draft_path = PathOf("its-own");
  policy.child.speculate = Speculation::kAuto;
  EXPECT_EQ(Fit(policy).settings.draft_path, "") << "it has one, even if that is of no use";
}

TEST_F(DraftChoiceTest, ItTakesNothingFromWhatTheModelGetsWithoutIt) {
  Add("tide-1b", Llama(Small()));
  FitPolicy policy;
  policy.machine.host_bytes = Fit(policy).bytes.host;
  EXPECT_EQ(Fit(policy).settings.draft_path, PathOf("tide-1b")) << "both just fit";
  policy.machine.host_bytes -= 1;
  const ModelFit fit = Fit(policy);
  EXPECT_TRUE(fit.memory.fits);
  EXPECT_EQ(fit.settings.draft_path, "");
  policy.child.speculate = Speculation::kOff;
  EXPECT_EQ(fit.slots(), Fit(policy).slots());
}

}  // namespace
}  // namespace tidegate::engine
