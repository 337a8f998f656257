// These tests run the real llama-server with the model that ships, as engine_test.cc does.
#include "engine/speed_meter.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <poll.h>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/bench_run.h"
#include "engine/profile_book.h"
#include "engine/testing/engine_fixture.h"
#include "net/testing/on_shard.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

using testing::Boxed;

class SpeedMeterTest : public testing::EngineFixture {
 protected:
  SpeedMeterTest() {
    fs::create_directories(folder_ / "state");
    book_ = std::make_shared<ProfileBook>((folder_ / "state").string(), "here",
                                          [] { return std::string("this one"); });
    options_.child.tuning = book_;
    model_ = testing::Model("tiny");
  }
  ~SpeedMeterTest() override {
    OnShard([this] { meter_.reset(); });
  }
  void Create() {
    EngineFixture::Create({model_});
    OnShard([this] { meter_ = std::make_unique<SpeedMeter>(*engine_, shards_[0], "tiny", 1); });
  }
  void OnShard(const std::function<void()>& work) { net::testing::OnShard(shards_[0], work); }

  net::Task<Boxed<void>> WarmUpTask() {
    Result<void> done = co_await meter_->WarmUp(cancel_);
    co_return std::make_unique<Result<void>>(std::move(done));
  }
  net::Task<Boxed<Round>> RunTask(Cell cell, std::int64_t output_tokens) {
    Result<Round> round = co_await meter_->Run(cell, output_tokens, cancel_);
    co_return std::make_unique<Result<Round>>(std::move(round));
  }
  Result<void> WarmUp() {
    return std::move(*net::SpawnFuture(shards_[0].io(), WarmUpTask()).get());
  }
  Result<Round> Run(Cell cell, std::int64_t output_tokens) {
    return std::move(*net::SpawnFuture(shards_[0].io(), RunTask(cell, output_tokens)).get());
  }
  // The command line of the process that runs.
  std::string Arguments() const {
    const std::vector<ModelStatus> statuses = engine_->Statuses();
    if (statuses.empty() || statuses[0].pid == 0) return "";
    std::ifstream file("/proc/" + std::to_string(statuses[0].pid) + "/cmdline", std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    std::replace(text.begin(), text.end(), '\0', ' ');
    return text;
  }

  models::LocalModel model_;
  net::CancelToken cancel_;
  std::shared_ptr<ProfileBook> book_;
  std::unique_ptr<SpeedMeter> meter_;
};

TEST_F(SpeedMeterTest, MeasuresARealModelWithPromptsOfExactlyThatLength) {
  Create();
  const Result<void> warm = WarmUp();
  ASSERT_TRUE(warm.ok()) << Describe(warm.error());
  for (const Cell cell : {Cell{100, 1}, Cell{300, 2}}) {
    const Result<Round> round = Run(cell, 12);
    ASSERT_TRUE(round.ok()) << Describe(round.error());
    ASSERT_EQ(round->answers.size(), static_cast<std::size_t>(cell.at_once));
    for (const AnswerTimes& answer : round->answers) {
      EXPECT_EQ(answer.prompt_tokens, cell.prompt_tokens);
      EXPECT_EQ(answer.cached_tokens, 0);
      EXPECT_EQ(answer.output_tokens, 12);
      EXPECT_GT(answer.prompt_ms, 0);
      EXPECT_GT(answer.output_ms, 0);
      EXPECT_LT(answer.sent, answer.first_token);
      EXPECT_LT(answer.first_token, answer.end);
    }
    const Round rounds[] = {*round};
    EXPECT_GT(Summarise(rounds).tokens_per_s, 1);
  }
}

TEST_F(SpeedMeterTest, SaysWhenOthersUseTheModelMeanwhile) {
  Create();
  ASSERT_TRUE(WarmUp().ok());
  const Result<Lease> other = Acquire("tiny");
  ASSERT_TRUE(other.ok());
  const Result<Round> round = Run({50, 1}, 8);
  ASSERT_TRUE(round.ok()) << Describe(round.error());
  EXPECT_TRUE(round->disturbed);
}

TEST_F(SpeedMeterTest, TheClientsLeavingEndsARoundThatWouldLastLong) {
  Create();
  ASSERT_TRUE(WarmUp().ok());
  auto round = net::SpawnFuture(shards_[0].io(), RunTask({50, 1}, 4'000'000));
  while (engine_->Live("tiny")->users == 0) poll(nullptr, 0, 1);
  OnShard([this] { cancel_.Cancel(ErrorCode::kCancelled); });
  const Boxed<Round> ended = round.get();
  ASSERT_FALSE(ended->ok());
  EXPECT_EQ(ended->error().code, ErrorCode::kCancelled);
}

TEST_F(SpeedMeterTest, AModelThatIsNotThereIsAnError) {
  model_.path = (folder_ / "gone.gguf").string();
  Create();
  const Result<void> warm = WarmUp();
  ASSERT_FALSE(warm.ok());
}

TEST_F(SpeedMeterTest, SettingsThatAreTriedHoldFromTheNextStartAndEndWithTheTrial) {
  Create();
  ASSERT_TRUE(WarmUp().ok());
  EXPECT_EQ(Arguments().find("--ubatch-size"), std::string::npos) << Arguments();
  Tuning tuning;
  tuning.ubatch = 64;
  tuning.flash_attention = FlashAttention::kOff;
  book_->Try("tiny", tuning);
  engine_->Restart(model_);
  ASSERT_TRUE(WarmUp().ok());
  EXPECT_NE(Arguments().find("--ubatch-size 64"), std::string::npos) << Arguments();
  EXPECT_NE(Arguments().find("--flash-attn off"), std::string::npos) << Arguments();
  book_->EndTrial("tiny");
  engine_->Restart(model_);
  ASSERT_TRUE(WarmUp().ok());
  EXPECT_EQ(Arguments().find("--ubatch-size"), std::string::npos) << Arguments();
}

// A llama-server that ends at once when it is given a batch of 77 tokens.
TEST_F(SpeedMeterTest, ATrialThatCannotStartFailsAloneAndNobodyElsesRequest) {
  Locator locator(options_.locator);
  const std::string program = (folder_ / "llama-server").string();
  std::ofstream(program) << "#!/bin/sh\ncase \"$*\" in *\"--ubatch-size 77\"*) sleep 1; exit 1;; "
                            "esac\nexec "
                         << locator.Locate()->path << " \"$@\"\n";
  fs::permissions(program, fs::perms::owner_all);
  options_.locator.configured_path = program;
  options_.protection.enabled = false;  // it would not let one program start another
  Create();
  ASSERT_TRUE(WarmUp().ok());
  Tuning tuning;
  tuning.ubatch = 77;
  book_->Try("tiny", tuning);
  engine_->Restart(model_);
  // Both wait for the same start, which fails.
  auto measured = net::SpawnFuture(shards_[0].io(), WarmUpTask());
  const Result<Lease> other = Acquire("tiny");
  EXPECT_TRUE(other.ok()) << Describe(other.error());
  const Boxed<void> trial = measured.get();
  ASSERT_FALSE(trial->ok());
  EXPECT_EQ(trial->error().reason, "engine_failed");
  EXPECT_FALSE(book_->Trying("tiny"));
}

}  // namespace
}  // namespace tidegate::engine
