#include "engine/profile_book.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "engine/deployments.h"
#include "engine/model_settings.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

core::SpeedProfile Profile(const std::string& settings, double tokens_per_s = 20) {
  core::SpeedPoint point;
  point.prompt_tokens = 128;
  point.requests = 3;
  point.ttft_ms_p50 = 412.5;
  point.ttft_ms_p95 = 500;
  point.prompt_tokens_per_s = 310.25;
  point.tokens_per_s = point.tokens_per_s_total = tokens_per_s;
  return {{point}, 1'764'000'000, settings};
}

Tuning Better() {
  Tuning tuning;
  tuning.threads = 3;
  tuning.ubatch = 256;
  tuning.flash_attention = FlashAttention::kOff;
  tuning.kv_type = models::KvType::kQ8_0;
  return tuning;
}

class ProfileBookTest : public testing::Test {
 protected:
  ProfileBookTest() {
    std::string pattern = testing::TempDir() + "profile-book-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    model_.name = "small";
    model_.path = "/models/small.gguf";
    model_.size_bytes = 1'000;
    model_.modified_s = 77;
    model_.metadata.context_tokens = 2'048;
  }
  ~ProfileBookTest() override { fs::remove_all(folder_); }

  std::unique_ptr<ProfileBook> Open() {
    return std::make_unique<ProfileBook>(folder_, machine_, [this] { return engine_; });
  }
  std::string path() const { return folder_ + "/" + std::string(kProfileFile); }
  std::string Bytes() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_;
  std::string machine_ = "one processor", engine_ = "/bin/llama-server 5 9";
  models::LocalModel model_;
};

TEST_F(ProfileBookTest, WhatIsKeptIsThereAfterARestart) {
  ASSERT_TRUE(Open()->KeepSpeed(model_, Profile("threads=2")).ok());
  ASSERT_TRUE(Open()->KeepTuning(model_, Better()).ok());
  const std::unique_ptr<ProfileBook> book = Open();
  const auto speed = book->SpeedOf(model_, "threads=2");
  ASSERT_NE(speed, nullptr);
  EXPECT_EQ(speed->points(), Profile("threads=2").points());
  EXPECT_EQ(speed->measured_s(), 1'764'000'000);
  EXPECT_EQ(book->TuningOf(model_), Better());
}

TEST_F(ProfileBookTest, CountsForThisFileThisEngineThisMachineAndTheseSettingsOnly) {
  ASSERT_TRUE(Open()->KeepSpeed(model_, Profile("threads=2")).ok());
  ASSERT_TRUE(Open()->KeepTuning(model_, Better()).ok());
  std::string why;
  EXPECT_EQ(Open()->SpeedOf(model_, "threads=3", &why), nullptr);
  EXPECT_EQ(why, "with other settings: threads=2");
  engine_ = "/bin/llama-server 5 10";
  EXPECT_EQ(Open()->SpeedOf(model_, "threads=2", &why), nullptr);
  EXPECT_EQ(why, "with another llama-server");
  EXPECT_TRUE(Open()->TuningOf(model_).empty());
  engine_ = "/bin/llama-server 5 9";
  machine_ = "two processors";
  EXPECT_EQ(Open()->SpeedOf(model_, "threads=2", &why), nullptr);
  EXPECT_EQ(why, "on another machine");
  machine_ = "one processor";
  model_.modified_s = 78;
  EXPECT_EQ(Open()->SpeedOf(model_, "threads=2", &why), nullptr);
  EXPECT_EQ(why, "of another file under this name");
  EXPECT_TRUE(Open()->TuningOf(model_).empty());
  why.clear();
  model_.name = "other";
  EXPECT_EQ(Open()->SpeedOf(model_, "threads=2", &why), nullptr);
  EXPECT_EQ(why, "") << "nothing was ever measured of it";
}

TEST_F(ProfileBookTest, AStoredModelIsKnownByItsManifestUnderAnyName) {
  model_.manifest_digest = models::Digest(ComputeSha256("manifest"));
  ASSERT_TRUE(Open()->KeepSpeed(model_, Profile("s")).ok());
  model_.name = "copy";
  model_.modified_s = 99;
  EXPECT_NE(Open()->SpeedOf(model_, "s"), nullptr);
}

TEST_F(ProfileBookTest, AnotherMeasurementReplacesTheFirst) {
  const std::unique_ptr<ProfileBook> book = Open();
  ASSERT_TRUE(book->KeepSpeed(model_, Profile("s", 10)).ok());
  engine_ = "another";
  ASSERT_TRUE(book->KeepSpeed(model_, Profile("s", 30)).ok());
  EXPECT_EQ(book->SpeedOf(model_, "s")->TokensPerSecond(100, 1), 30);
  const Result<std::vector<ProfileEntry>> entries = ParseProfiles(Bytes());
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(entries->size(), 1U);
}

TEST_F(ProfileBookTest, WhatIsAddedStandsBesideWhatWasMeasuredWithTheSameSettings) {
  const std::unique_ptr<ProfileBook> book = Open();
  const auto point = [](std::int64_t prompt_tokens, double tokens_per_s) {
    core::SpeedPoint made;
    made.prompt_tokens = prompt_tokens;
    made.requests = 1;
    made.tokens_per_s = tokens_per_s;
    return made;
  };
  ASSERT_TRUE(book->KeepSpeed(model_, {{point(128, 10), point(1'024, 8)}, 1, "s"}).ok());
  ASSERT_TRUE(book->AddSpeed(model_, {{point(1'024, 9), point(512, 7)}, 2, "s"}).ok());
  EXPECT_EQ(Open()->SpeedOf(model_, "s")->points(),
            (std::vector<core::SpeedPoint>{point(128, 10), point(512, 7), point(1'024, 9)}));
  EXPECT_EQ(Open()->SpeedOf(model_, "s")->measured_s(), 2);
  ASSERT_TRUE(book->AddSpeed(model_, {{point(512, 70)}, 3, "other"}).ok());
  EXPECT_EQ(Open()->SpeedOf(model_, "other")->points().size(), 1U) << "they cannot be compared";
}

TEST_F(ProfileBookTest, WhatIsBeingTriedHoldsNowAndIsNeverWritten) {
  const std::unique_ptr<ProfileBook> book = Open();
  Tuning kept;
  kept.threads = 2;
  ASSERT_TRUE(book->KeepTuning(model_, kept).ok());
  const std::string before = Bytes();
  book->Try(model_.name, Better());
  EXPECT_TRUE(book->Trying(model_.name));
  EXPECT_EQ(book->TuningOf(model_), Better());
  EXPECT_EQ(book->KeptTuning(model_), kept);
  EXPECT_EQ(Bytes(), before);
  EXPECT_EQ(Open()->TuningOf(model_), kept) << "as after kill -9";
  book->EndTrial(model_.name);
  EXPECT_FALSE(book->Trying(model_.name));
  EXPECT_EQ(book->TuningOf(model_), kept);
}

TEST_F(ProfileBookTest, ForgetsATuningAndKeepsWhatWasMeasured) {
  const std::unique_ptr<ProfileBook> book = Open();
  EXPECT_FALSE(*book->ForgetTuning(model_));
  ASSERT_TRUE(book->KeepTuning(model_, Better()).ok());
  ASSERT_TRUE(book->KeepSpeed(model_, Profile("s")).ok());
  EXPECT_TRUE(*book->ForgetTuning(model_));
  EXPECT_TRUE(Open()->TuningOf(model_).empty());
  EXPECT_NE(Open()->SpeedOf(model_, "s"), nullptr);
}

TEST_F(ProfileBookTest, ADamagedFileIsAsGoodAsNoneAndIsReplaced) {
  ASSERT_TRUE(Open()->KeepSpeed(model_, Profile("s")).ok());
  const std::string good = Bytes();
  for (const std::string& bad : {good.substr(0, good.size() / 2), std::string("[]"),
                                 std::string(R"({"format":2,"models":[]})"),
                                 std::string(R"({"format":1,"models":[{"model":"x"}]})")}) {
    EXPECT_FALSE(ParseProfiles(bad).ok()) << bad;
    std::ofstream(path(), std::ios::binary) << bad;
    const std::unique_ptr<ProfileBook> book = Open();
    EXPECT_EQ(book->SpeedOf(model_, "s"), nullptr);
    ASSERT_TRUE(book->KeepSpeed(model_, Profile("s")).ok());
    EXPECT_NE(Open()->SpeedOf(model_, "s"), nullptr);
  }
}

TEST_F(ProfileBookTest, ValuesThatNoTuningHasAreRefused) {
  ASSERT_TRUE(Open()->KeepTuning(model_, Better()).ok());
  const std::string good = Bytes();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    bytes.replace(bytes.find(from), from.size(), to);
    return ParseProfiles(bytes).ok();
  };
  EXPECT_TRUE(with("\"threads\":3", "\"threads\":4"));
  EXPECT_FALSE(with("\"threads\":3", "\"threads\":0"));
  EXPECT_FALSE(with("\"threads\":3", "\"threads\":1000000"));
  EXPECT_FALSE(with("\"off\"", "\"sometimes\""));
  EXPECT_FALSE(with("\"q8_0\"", "\"q1\""));
}

TEST_F(ProfileBookTest, AFolderThatCannotBeWrittenIsAnErrorAndChangesNothing) {
  const std::unique_ptr<ProfileBook> book = Open();
  fs::remove_all(folder_);
  std::ofstream(folder_) << "a file in its place";
  const Result<void> kept = book->KeepTuning(model_, Better());
  EXPECT_FALSE(kept.ok());
  EXPECT_TRUE(book->TuningOf(model_).empty());
}

TEST_F(ProfileBookTest, AProcessStartsWithTheTuningOfItsModelUnlessSomebodySaysOtherwise) {
  const std::shared_ptr<ProfileBook> book = Open();
  ASSERT_TRUE(book->KeepTuning(model_, Better()).ok());
  ChildSettings base;
  base.tuning = book;
  Tuning flash_on = Better();
  flash_on.flash_attention = FlashAttention::kOn;
  ChildSettings settings = SettingsFor(model_, base);
  EXPECT_EQ(settings.threads, 3);
  EXPECT_EQ(settings.ubatch, 256);
  EXPECT_EQ(settings.flash_attention, FlashAttention::kOff);
  EXPECT_EQ(settings.value_type, models::KvType::kF16) << "quantised values need flash attention";
  ASSERT_TRUE(book->KeepTuning(model_, flash_on).ok());
  EXPECT_EQ(SettingsFor(model_, base).value_type, models::KvType::kQ8_0);
  // The configuration, then the model's own recipe.
  base.threads = 5;
  EXPECT_EQ(SettingsFor(model_, base).threads, 5);
  models::LocalModel made = model_;
  made.parameters = {{"num_thread", "7"}};
  base.threads = 0;
  EXPECT_EQ(SettingsFor(made, base).threads, 7);
  models::LocalModel other = model_;
  other.path = "/models/other.gguf";
  EXPECT_EQ(SettingsFor(other, base).threads, 0);
}

TEST_F(ProfileBookTest, TheSettingsTextTellsSettingsApartThatDifferInSpeed) {
  ChildSettings settings;
  settings.threads = 2;
  const std::string usual = SettingsText(model_, settings, 4);
  EXPECT_EQ(usual, "threads=2 slots=4 context=2048 ubatch=512 flash_attention=auto kv=f16/f16");
  EXPECT_NE(SettingsText(model_, settings, 2), usual);
  EXPECT_NE(SettingsText(model_, Tuned(ChildSettings(), Better()), 4), usual);
  settings.speculation = "ngram-mod";
  EXPECT_NE(SettingsText(model_, settings, 4), usual);
}

TEST_F(ProfileBookTest, WhatWasMeasuredIsThePlannersPrior) {
  const auto speed = std::make_shared<const core::SpeedProfile>(Profile("s"));
  const std::vector<core::Deployment> made =
      MakeDeployments(FitAll({model_}, {}), [&](const models::LocalModel& model, const ModelFit&) {
        EXPECT_EQ(model.name, "small");
        return speed;
      });
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].speed, speed);
  EXPECT_DOUBLE_EQ(made[0].tokens_per_s_prior, 20);
  EXPECT_EQ(MakeDeployments(FitAll({model_}, {}))[0].speed, nullptr);
}

TEST(MachineText, IsTheProcessorAndHowManyThereAre) {
  const std::string root = testing::TempDir() + "machine-text";
  fs::create_directories(root + "/proc");
  std::ofstream(root + "/proc/cpuinfo") << "processor\t: 0\nmodel name\t: Quick 9000\n";
  EXPECT_TRUE(MachineText(root).starts_with("Quick 9000, "));
  fs::remove_all(root);
  EXPECT_TRUE(MachineText(root).starts_with("unknown processor, "));
}

}  // namespace
}  // namespace tidegate::engine
