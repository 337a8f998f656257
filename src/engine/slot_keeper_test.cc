#include "engine/slot_keeper.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing/read_bytes.h"
#include "engine/engine.h"
#include "json/reader.h"
#include "net/client.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr const char* kStarter = TIDEGATE_SOURCE_DIR "/models/tidegate-starter.gguf";

TEST(SlotReportsTest, SlotsThatWereUsedTheLatestFirst) {
  const auto reports = ReadSlotReports(
      R"([{"id":0,"n_prompt_tokens":5,"id_task":3,"is_processing":false,"params":{"x":[1]}},)"
      R"({"id":1,"is_processing":false},)"
      R"({"id":2,"n_prompt_tokens":900,"id_task":17,"is_processing":true},)"
      R"({"id":3,"n_prompt_tokens":0,"id_task":40,"is_processing":false}])");
  ASSERT_TRUE(reports.ok()) << Describe(reports.error());
  ASSERT_EQ(reports->size(), 2U);
  EXPECT_EQ((*reports)[0].id, 2);
  EXPECT_EQ((*reports)[0].tokens, 900);
  EXPECT_TRUE((*reports)[0].busy);
  EXPECT_EQ((*reports)[1].id, 0);
  EXPECT_FALSE((*reports)[1].busy);
}

TEST(SlotReportsTest, WhatAHostileProcessSaysDoesNoHarm) {
  for (const char* body :
       {"", "{}", "[1]", "[[]]", "[{]", "null", R"([{"id":99999999999999999999}])"}) {
    EXPECT_FALSE(ReadSlotReports(body).ok()) << body;
  }
  const auto reports = ReadSlotReports(
      R"([{"id":-1,"n_prompt_tokens":9},{"id":16,"n_prompt_tokens":9},{"n_prompt_tokens":9},)"
      R"({"id":"0","n_prompt_tokens":9},)"
      R"({"id":1,"n_prompt_tokens":-9},{"id":2,"n_prompt_tokens":9,"is_processing":7}])");
  ASSERT_TRUE(reports.ok()) << Describe(reports.error());
  ASSERT_EQ(reports->size(), 1U);
  EXPECT_TRUE((*reports)[0].busy);  // who does not say that it is idle is left alone
}

// Waits, without a fixed time, for what another thread or process does; false after 20 seconds.
bool Eventually(const std::function<bool()>& happened) {
  for (int i = 0; i < 10'000; ++i) {
    if (happened()) return true;
    poll(nullptr, 0, 2);
  }
  return false;
}

struct Turn {
  std::int64_t prompt = 0, cached = 0;
  std::string text;
};

// A conversation with the real llama-server, of which nothing but the gate's own doing survives.
class SlotKeeperTest : public testing::Test {
 protected:
  SlotKeeperTest() {
    std::string pattern = "/tmp/tidegate-slots-test-XXXXXX";  // short: a socket's path is bounded
    folder_ = mkdtemp(pattern.data());
    model_ = (folder_ / "tiny.gguf").string();
    store_options_.folder = (folder_ / "slots").string();
    store_options_.key = Secret(std::string(32, 'k'));
    store_options_.bytes_max = 64 * kMiB;
    store_options_.disk_reserve_bytes = 0;
    // A folder in memory whose name no other test has.
    keeper_options_.runtime_folder = "/dev/shm/" + folder_.filename().string();
    fs::create_directory(keeper_options_.runtime_folder);
  }
  ~SlotKeeperTest() override {
    StopGate();
    shards_.Stop();
    fs::remove_all(folder_);
    fs::remove_all(keeper_options_.runtime_folder);
  }
  void SetUp() override {
    const char* without = std::getenv("TIDEGATE_NO_ENGINE");
    if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_ENGINE=1";
    fs::copy_file(kStarter, model_);
    StartGate();
  }

  // What a gate that starts makes of its engine.
  void StartGate() {
    EngineOptions options;
    options.locator = LocatorOptions::FromEnvironment("");
    options.runtime_folder = (folder_ / "run").string();
    options.child.threads = 1;
    options.child.context_tokens_max = 2'048;
    options.child.key_type = key_type_;
    options.limits.slots = 2;
    options.limits.keep_alive_nanos = keep_alive_;
    if (keeps_) {
      auto store = SlotStore::Open(store_options_, SystemClock());
      ASSERT_TRUE(store.ok()) << Describe(store.error());
      auto keeper = SlotKeeper::Open(keeper_options_, std::move(*store));
      ASSERT_TRUE(keeper.ok()) << Describe(keeper.error());
      options.slots = std::move(*keeper);
    }
    Result<models::LocalModel> model = models::ReadLocalModel(model_, "tiny");
    ASSERT_TRUE(model.ok());
    read_ = *model;
    auto engine = Engine::Create(shards_[0], std::move(options), {*std::move(model)});
    ASSERT_TRUE(engine.ok()) << Describe(engine.error());
    engine_ = std::move(*engine);
  }
  void StopGate() { engine_.reset(); }
  void Restart() {
    StopGate();
    StartGate();
  }

  net::Task<std::unique_ptr<Result<Turn>>> AskTask(std::string body, Claim claim) {
    net::CancelToken cancel;
    Result<Lease> lease = co_await engine_->Acquire(shards_[1], "tiny", cancel, std::move(claim));
    if (!lease.ok()) co_return std::make_unique<Result<Turn>>(std::move(lease).error());
    std::string fields = "Content-Type: application/json\r\nAuthorization: " +
                         std::string(lease->endpoint().authorization.Reveal()) + "\r\n";
    const auto answer = co_await net::Fetch(client_, lease->endpoint().origin, "POST",
                                            "/v1/chat/completions", fields, body, 60 * kSecond);
    if (!answer.ok()) co_return std::make_unique<Result<Turn>>(answer.error());
    co_return std::make_unique<Result<Turn>>(Read(answer->body));
  }
  static Result<Turn> Read(const std::string& body) {
    json::Reader reader;
    TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(body, kMiB));
    TIDEGATE_ASSIGN(const json::Object object, root.Object());
    TIDEGATE_ASSIGN(const json::Value timings, object.Get("timings"));
    Turn turn;
    TIDEGATE_ASSIGN(turn.cached, timings.Object()->Get("cache_n")->Integer());
    TIDEGATE_ASSIGN(turn.prompt, timings.Object()->Get("prompt_n")->Integer());
    turn.prompt += turn.cached;
    return turn;
  }
  // The next turn of a conversation about `topic`, whose beginning is always the same.
  Turn Ask(const std::string& topic, const std::string& question, bool may_be_kept = true) {
    Claim claim(Priority::kNormal, "me");
    claim.may_be_kept = may_be_kept;
    return Ask(topic, question, std::move(claim));
  }
  // The same, by a caller who says what was said before: the gate tells conversations by that.
  Turn Talk(const std::string& topic, const std::string& question) {
    Claim claim(Priority::kNormal, "me");
    std::vector<Sha256>& said = said_[topic];
    said.push_back(ComputeSha256(topic + question));
    claim.conversation = said;
    const Turn turn = Ask(topic, question, std::move(claim));
    return turn;
  }
  // As SpeedMeter asks.
  Turn Measure(const std::string& topic) {
    Claim claim(Priority::kNormal, "measuring");
    claim.of_trial = true;
    claim.may_be_kept = false;
    return Ask(topic, "And now?", std::move(claim));
  }
  Turn Ask(const std::string& topic, const std::string& question, Claim claim) {
    std::string text;
    for (int i = 0; i < 80; ++i) text += topic + std::to_string(i) + " the tide is high. ";
    const std::string body = R"({"temperature":0,"max_tokens":4,"messages":[{"role":"user",)"
                             R"("content":")" +
                             text + question + R"("}]})";
    auto answer = net::SpawnFuture(shards_[1].io(), AskTask(body, std::move(claim))).get();
    EXPECT_TRUE(answer->ok()) << Describe(answer->error());
    return answer->ok() ? **answer : Turn{};
  }
  static bool MostlyCached(const Turn& turn) {
    return turn.prompt > 600 && turn.cached > turn.prompt * 9 / 10;
  }
  static bool Cold(const Turn& turn) { return turn.prompt > 600 && turn.cached < turn.prompt / 4; }

  bool IsAbsent() {
    return Eventually([&] { return engine_->Statuses().at(0).state == ModelState::kAbsent; });
  }
  std::vector<fs::path> Files(const std::string& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }
  std::vector<fs::path> Kept() { return Files(store_options_.folder); }
  fs::path folder_;
  std::string model_;
  bool keeps_ = true;
  std::int64_t keep_alive_ = 300 * kSecond;
  models::KvType key_type_ = models::KvType::kF16;
  models::LocalModel read_;
  std::map<std::string, std::vector<Sha256>> said_;  // by topic
  SlotStoreOptions store_options_;
  SlotKeeperOptions keeper_options_;
  net::ShardSet shards_{2};
  net::HttpClient client_{shards_[1], {}};
  std::unique_ptr<Engine> engine_;
};

TEST_F(SlotKeeperTest, AConversationSurvivesARestartOfTheGate) {
  EXPECT_TRUE(Cold(Ask("alpha", "And now?")));
  Restart();
  EXPECT_EQ(Kept().size(), 1U);
  const Turn next = Ask("alpha", "And then?");
  EXPECT_TRUE(MostlyCached(next)) << next.cached << " of " << next.prompt;
}

TEST_F(SlotKeeperTest, WithoutItNothingSurvives) {
  StopGate();
  keeps_ = false;
  StartGate();
  EXPECT_TRUE(Cold(Ask("alpha", "And now?")));
  Restart();
  EXPECT_TRUE(Cold(Ask("alpha", "And then?")));
}

TEST_F(SlotKeeperTest, ConversationsSurviveBeingUnloadedAndBeingIdle) {
  Ask("alpha", "And now?");
  Ask("beta", "And now?");
  engine_->Stop("tiny");
  ASSERT_TRUE(IsAbsent());
  EXPECT_TRUE(MostlyCached(Ask("beta", "And then?")));
  EXPECT_TRUE(MostlyCached(Ask("alpha", "And then?")));
  engine_->KeepAlive("tiny", 0);  // idle
  ASSERT_TRUE(IsAbsent());
  // Whoever has something new to say takes none of their places before it must.
  EXPECT_TRUE(Cold(Ask("gamma", "And now?")));
  EXPECT_TRUE(MostlyCached(Ask("alpha", "And at last?")));
  StopGate();
  // Those that went on took the place of what they were.
  EXPECT_LE(Kept().size(), 4U);
}

TEST_F(SlotKeeperTest, AConversationThatNobodyContinuedStaysKept) {
  Ask("alpha", "And now?");
  Restart();
  const std::vector<fs::path> before = Kept();
  Ask("beta", "And now?");
  Restart();
  EXPECT_EQ(Kept().size(), 2U);
  EXPECT_TRUE(fs::exists(before.at(0)));
  EXPECT_TRUE(MostlyCached(Ask("alpha", "And then?")));
  EXPECT_TRUE(MostlyCached(Ask("beta", "And then?")));
  StopGate();
  EXPECT_EQ(Kept().size(), 2U);
  EXPECT_FALSE(fs::exists(before.at(0)));  // it went on
}

TEST_F(SlotKeeperTest, WhatLiesOnTheDiskSaysNothingAndMemoryIsLeftEmpty) {
  Ask("alpha", "And now?");
  StopGate();
  ASSERT_EQ(Kept().size(), 1U);
  struct stat info {};
  ASSERT_EQ(stat(Kept()[0].c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(ReadBytes(Kept()[0]).find("alpha"), std::string::npos);
  EXPECT_EQ(ReadBytes(Kept()[0]).find("tiny"), std::string::npos);
  for (const fs::path& left : Files(keeper_options_.runtime_folder)) {
    EXPECT_EQ(fs::file_size(left), 0U) << left;  // locks
  }
}

TEST_F(SlotKeeperTest, ADamagedFileIsRemovedAndTheModelServes) {
  using Damage = std::function<void(const fs::path&)>;
  const Damage damages[] = {
      [](const fs::path& path) {
        std::string bytes = ReadBytes(path);
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
        std::ofstream(path, std::ios::binary) << bytes;
      },
      [](const fs::path& path) { fs::resize_file(path, fs::file_size(path) / 2); },
  };
  for (const Damage& damage : damages) {
    Ask("alpha", "And now?");
    StopGate();
    ASSERT_EQ(Kept().size(), 1U);
    const fs::path damaged = Kept()[0];
    damage(damaged);
    StartGate();
    EXPECT_TRUE(Cold(Ask("alpha", "And then?")));
    EXPECT_FALSE(fs::exists(damaged));
    StopGate();
    fs::remove_all(store_options_.folder);
    StartGate();
  }
}

TEST_F(SlotKeeperTest, AnotherKeyReadsNothing) {
  Ask("alpha", "And now?");
  StopGate();
  store_options_.key = Secret(std::string(32, 'l'));
  StartGate();
  EXPECT_TRUE(Kept().empty());
  EXPECT_TRUE(Cold(Ask("alpha", "And then?")));
}

TEST_F(SlotKeeperTest, AnotherFileOrAnotherCacheOfTheSameNameGetsNothing) {
  Ask("alpha", "And now?");
  StopGate();
  key_type_ = models::KvType::kQ8_0;
  StartGate();
  EXPECT_TRUE(Cold(Ask("alpha", "And then?")));
  StopGate();
  key_type_ = models::KvType::kF16;
  fs::last_write_time(model_, fs::last_write_time(model_) - std::chrono::seconds(7));
  StartGate();
  EXPECT_TRUE(Cold(Ask("alpha", "And at last?")));
}

TEST_F(SlotKeeperTest, WhatMayNotBeKeptIsNot) {
  Ask("alpha", "And now?");
  Ask("beta", "And now?", false);
  Restart();
  EXPECT_TRUE(Kept().empty());
  EXPECT_TRUE(Cold(Ask("beta", "And then?")));
  StopGate();
  EXPECT_EQ(Kept().size(), 1U);  // the next process may again
}

TEST_F(SlotKeeperTest, AConversationOutlivesMoreOthersThanThereAreSlots) {
  for (const char* question : {"And now?", "And then?"}) Talk("alpha", question);
  for (const char* other : {"beta", "gamma", "delta"}) Talk(other, "And now?");
  // Its place was taken, and it comes back: into the same process,
  EXPECT_TRUE(MostlyCached(Talk("alpha", "And at last?")));
  for (const char* other : {"beta", "gamma", "delta"}) Talk(other, "And now?");
  // and into the next one, which begins with the newest two.
  Restart();
  EXPECT_TRUE(MostlyCached(Talk("alpha", "And in the end?")));
  StopGate();
  EXPECT_EQ(Kept().size(), 3U) << "alpha once, and what the slots held";
}

TEST_F(SlotKeeperTest, WhatWasSaidOnceIsNotWrittenWhenItsPlaceIsTaken) {
  for (const char* topic : {"alpha", "beta", "gamma", "delta"}) Talk(topic, "And now?");
  EXPECT_TRUE(Kept().empty());
  StopGate();
  EXPECT_EQ(Kept().size(), 2U);
}

TEST_F(SlotKeeperTest, AProcessThatIsMeasuredTakesNoConversationsAndLeavesNone) {
  Ask("alpha", "And now?");
  engine_->Restart(read_);
  EXPECT_TRUE(Cold(Measure("beta")));
  const std::vector<fs::path> kept = Kept();
  EXPECT_EQ(kept.size(), 1U);
  EXPECT_TRUE(Cold(Measure("alpha"))) << "it has not even read it";
  Ask("gamma", "And now?");  // somebody else, meanwhile
  engine_->Restart(read_);
  EXPECT_TRUE(MostlyCached(Ask("alpha", "And then?")));
  EXPECT_EQ(Kept(), kept);
}

TEST_F(SlotKeeperTest, WhatIsMeasuredBesideConversationsIsNotKept) {
  Ask("alpha", "And now?");
  Restart();
  Ask("alpha", "And then?");
  Measure("beta");
  StopGate();
  EXPECT_EQ(Kept().size(), 1U);
}

TEST_F(SlotKeeperTest, AProcessThatCrashedLeavesNothing) {
  Ask("alpha", "And now?");
  const int pid = engine_->Statuses().at(0).pid;
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(Eventually([&] { return engine_->Statuses().at(0).pid != pid; }));
  StopGate();
  EXPECT_TRUE(Kept().empty());
}

TEST_F(SlotKeeperTest, TheSandboxStillHoldsAndTheFolderIsTheProcesssOwn) {
  Ask("alpha", "And now?");
  EXPECT_TRUE(engine_->Statuses().at(0).sandbox_missing.empty());
  std::vector<fs::path> outs;
  for (const fs::path& file : Files(keeper_options_.runtime_folder)) {
    struct stat info {};
    ASSERT_EQ(stat(file.parent_path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 077, 0U) << file;
    if (file.filename().string().starts_with("out-")) outs.push_back(file);
  }
  EXPECT_EQ(outs.size(), 3U);  // one for each slot, and one for what is written beside
}

TEST(SlotKeeperFolderTest, WithoutAFolderInMemoryThereIsNone) {
  SlotKeeperOptions options;
  options.runtime_folder = options.shared_memory = testing::TempDir();
  const auto keeper = SlotKeeper::Open(options, nullptr);
  ASSERT_FALSE(keeper.ok());
  EXPECT_NE(keeper.error().message.find("memory"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::engine
