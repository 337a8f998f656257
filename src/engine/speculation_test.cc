#include "engine/speculation.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/fit.h"
#include "engine/model_settings.h"
#include "engine/tiny_architectures.h"
#include "net/client.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr const char* kStarter = TIDEGATE_SOURCE_DIR "/models/tidegate-starter.gguf";

class SpeculationTest : public testing::Test {
 protected:
  SpeculationTest() {
    std::string pattern = "/tmp/tidegate-speculation-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    fs::copy_file(kStarter, folder_ / "tide.gguf");
    Result<models::LocalModel> model =
        models::ReadLocalModel((folder_ / "tide.gguf").string(), "tide");
    EXPECT_TRUE(model.ok());
    if (model.ok()) model_ = std::move(*model);
  }
  ~SpeculationTest() override { fs::remove_all(folder_); }

  // The model itself, as the draft that never guesses wrong.
  void WithDraft() {
    model_.draft_path = (folder_ / "draft.gguf").string();
    fs::copy_file(kStarter, model_.draft_path);
  }
  void WithForeignDraft() {
    model_.draft_path = (folder_ / "foreign.gguf").string();
    ASSERT_TRUE(Llama(TinySizes()).Write(model_.draft_path));
  }
  ChildSettings Chosen(Speculation speculate) {
    ChildSettings settings;
    settings.speculate = speculate;
    return SettingsFor(model_, settings);
  }

  fs::path folder_;
  models::LocalModel model_;
};

TEST_F(SpeculationTest, ADraftThatFitsIsUsedByItself) {
  EXPECT_EQ(Chosen(Speculation::kAuto).speculation, "");
  EXPECT_EQ(Chosen(Speculation::kAuto).speculation_note, "");
  WithDraft();
  for (const Speculation how : {Speculation::kAuto, Speculation::kDraft}) {
    const ChildSettings settings = Chosen(how);
    EXPECT_EQ(settings.speculation, "draft-simple");
    EXPECT_EQ(settings.draft_path, model_.draft_path);
    EXPECT_EQ(settings.speculation_note, "");
  }
  EXPECT_EQ(Chosen(Speculation::kOff).speculation, "");
  EXPECT_EQ(Chosen(Speculation::kOff).draft_path, "");
  // It counts where memory is shared out.
  FitPolicy with, without;
  without.child.speculate = Speculation::kOff;
  EXPECT_GT(ModelFitter(model_, with).standard().bytes.host,
            ModelFitter(model_, without).standard().bytes.host + fs::file_size(kStarter) / 2);
}

TEST_F(SpeculationTest, ADraftThatDoesNotFitIsNotUsedAndThatIsSaid) {
  WithForeignDraft();
  ChildSettings settings = Chosen(Speculation::kAuto);
  EXPECT_EQ(settings.speculation, "");
  EXPECT_EQ(settings.draft_path, "");
  EXPECT_NE(settings.speculation_note.find("foreign.gguf is not used: "), std::string::npos)
      << settings.speculation_note;
  model_.draft_path = (folder_ / "missing.gguf").string();
  settings = Chosen(Speculation::kAuto);
  EXPECT_EQ(settings.draft_path, "");
  EXPECT_NE(settings.speculation_note.find("cannot be read"), std::string::npos);
  model_.draft_path.clear();
  EXPECT_NE(Chosen(Speculation::kDraft).speculation_note, "");
}

TEST_F(SpeculationTest, WhatCannotSpeakByItselfIsNoDraft) {
  const auto why = [this](TinyModel model) {
    const std::string path = (folder_ / "odd.gguf").string();
    EXPECT_TRUE(model.Write(path));
    return WhyNotItsDraft(model_, path);
  };
  EXPECT_NE(why(Bert(TinySizes())), "");
  EXPECT_NE(why(Llama(TinySizes()).Number("nextn_predict_layers", 1)).find("by itself"),
            std::string::npos);
}

TEST_F(SpeculationTest, RepetitionsNeedNoDraft) {
  WithForeignDraft();
  const ChildSettings settings = Chosen(Speculation::kNgram);
  EXPECT_EQ(settings.speculation, "ngram-mod");
  EXPECT_EQ(settings.draft_path, "");
  EXPECT_EQ(settings.speculation_note, "");
}

TEST_F(SpeculationTest, WhatEmbedsGuessesNothing) {
  WithDraft();
  model_.metadata.pooling = models::GgufPooling::kEmbedding;
  EXPECT_EQ(Chosen(Speculation::kAuto).speculation, "");
  EXPECT_EQ(Chosen(Speculation::kNgram).speculation, "");
}

TEST_F(SpeculationTest, AMeansThatIsNamedIsTaken) {
  WithForeignDraft();
  ChildSettings named;
  named.speculation = "draft-eagle3";
  const ChildSettings settings = SettingsFor(model_, named);
  EXPECT_EQ(settings.speculation, "draft-eagle3");
  EXPECT_EQ(settings.draft_path, model_.draft_path);
}

// With the real llama-server.
class DraftedAnswerTest : public SpeculationTest {
 protected:
  void SetUp() override {
    const char* without = std::getenv("TIDEGATE_NO_ENGINE");
    if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_ENGINE=1";
  }
  ~DraftedAnswerTest() override {
    engine_.reset();
    shards_.Stop();
  }
  net::Task<std::unique_ptr<std::string>> AskTask() {
    net::CancelToken cancel;
    Result<Lease> lease = co_await engine_->Acquire(shards_[1], "tide", cancel);
    if (!lease.ok()) co_return std::make_unique<std::string>(Describe(lease.error()));
    std::string fields = "Content-Type: application/json\r\nAuthorization: " +
                         std::string(lease->endpoint().authorization.Reveal()) + "\r\n";
    const auto answer = co_await net::Fetch(
        client_, lease->endpoint().origin, "POST", "/v1/completions", fields,
        R"({"prompt":"Say hello. The tide is","max_tokens":48,"temperature":0,"ignore_eos":true})",
        60 * kSecond);
    co_return std::make_unique<std::string>(answer.ok() ? answer->body : Describe(answer.error()));
  }
  std::string Ask() {
    EngineOptions options;
    options.locator = LocatorOptions::FromEnvironment("");
    options.runtime_folder = (folder_ / "run").string();
    options.child.threads = 1;
    options.child.context_tokens_max = 512;
    options.limits.slots = 1;
    auto engine = Engine::Create(shards_[0], std::move(options), {model_});
    EXPECT_TRUE(engine.ok());
    engine_ = std::move(*engine);
    return *net::SpawnFuture(shards_[1].io(), AskTask()).get();
  }

  net::ShardSet shards_{2};
  net::HttpClient client_{shards_[1], {}};
  std::unique_ptr<Engine> engine_;
};

TEST_F(DraftedAnswerTest, LlamaServerTakesTheDraftAndSaysHowMuchWasRight) {
  WithDraft();
  const std::string answer = Ask();
  EXPECT_NE(answer.find("\"draft_n\""), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"draft_n_accepted\""), std::string::npos) << answer;
  engine_->NoteDrafts("tide", 12, 10);
  engine_->NoteDrafts("tide", 8, 1);
  engine_->NoteDrafts("nobody", 8, 1);
  ModelStatus status;
  for (int i = 0; i < 1'000 && status.drafted_tokens < 20; ++i) {
    status = engine_->Statuses().at(0);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(status.drafted_tokens, 20);
  EXPECT_EQ(status.draft_accepted_tokens, 11);
  EXPECT_EQ(status.speculation, "draft-simple");
  EXPECT_EQ(status.speculation_note, "guessed ahead by draft.gguf");
}

TEST_F(DraftedAnswerTest, AForeignDraftKeepsNobodyFromBeingServed) {
  WithForeignDraft();
  const std::string answer = Ask();
  EXPECT_NE(answer.find("\"predicted_n\""), std::string::npos) << answer;
  EXPECT_EQ(answer.find("\"draft_n\""), std::string::npos) << answer;
  EXPECT_NE(engine_->Statuses().at(0).speculation_note, "");
}

}  // namespace
}  // namespace tidegate::engine
