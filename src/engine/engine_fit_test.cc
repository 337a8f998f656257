// What the engine makes of the fit of its models, with the real llama-server. Where that is not
// installed these fail; TIDEGATE_NO_ENGINE=1 says that this is meant.
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <poll.h>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "models/local_models.h"
#include "net/client.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStarter = TIDEGATE_SOURCE_DIR "/models/tidegate-starter.gguf";
constexpr std::int64_t kStarterContext = 2'048;  // that it was trained for

using LeaseResult = std::unique_ptr<Result<Lease>>;  // a future's value must have a default

net::Task<LeaseResult> AcquireTask(Engine& engine, net::Shard& home, std::string model,
                                   net::CancelToken& cancel, std::int64_t window) {
  Claim claim;
  claim.context_tokens = window;
  Result<Lease> lease = co_await engine.Acquire(home, std::move(model), cancel, std::move(claim));
  co_return std::make_unique<Result<Lease>>(std::move(lease));
}

// Waits, without a fixed time, for what another thread or process does; false after 20 seconds.
bool Eventually(const std::function<bool()>& happened) {
  for (int i = 0; i < 10'000; ++i) {
    if (happened()) return true;
    poll(nullptr, 0, 2);
  }
  return false;
}

models::LocalModel Model(const std::string& name) {
  Result<models::LocalModel> model = models::ReadLocalModel(kStarter, name);
  EXPECT_TRUE(model.ok());
  return model.ok() ? std::move(*model) : models::LocalModel{};
}

class EngineFitTest : public testing::Test {
 protected:
  EngineFitTest() {
    std::string pattern = "/tmp/tidegate-fit-test-XXXXXX";  // short: a socket's path is bounded
    folder_ = mkdtemp(pattern.data());
    options_.locator = LocatorOptions::FromEnvironment("");
    options_.runtime_folder = (folder_ / "run").string();
    options_.child.threads = 1;
    options_.child.context_tokens_max = 512;
    options_.limits.slots = 2;
  }
  ~EngineFitTest() override {
    engine_.reset();
    shards_.Stop();
    fs::remove_all(folder_);
  }
  void SetUp() override {
    const char* without = std::getenv("TIDEGATE_NO_ENGINE");
    if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_ENGINE=1";
  }

  void Create(std::vector<models::LocalModel> models) {
    auto engine = Engine::Create(shards_[0], options_, std::move(models));
    ASSERT_TRUE(engine.ok()) << Describe(engine.error());
    engine_ = std::move(*engine);
  }
  std::future<LeaseResult> StartAcquire(const std::string& model, std::int64_t window = 0) {
    cancels_.push_back(std::make_unique<net::CancelToken>());
    return net::SpawnFuture(shards_[1].io(),
                            AcquireTask(*engine_, shards_[1], model, *cancels_.back(), window));
  }
  Result<Lease> Acquire(const std::string& model, std::int64_t window = 0) {
    return std::move(*StartAcquire(model, window).get());
  }
  ModelStatus StatusOf(const std::string& model) {
    for (ModelStatus& status : engine_->Statuses()) {
      if (status.model == model) return status;
    }
    return {};
  }
  bool Reaches(const std::string& model, ModelState state) {
    return Eventually([&] { return StatusOf(model).state == state; });
  }
  net::Task<std::unique_ptr<int>> Ask(net::Origin origin, std::string fields) {
    const auto answer = co_await net::Fetch(
        client_, std::move(origin), "POST", "/v1/chat/completions", std::move(fields),
        R"({"messages":[{"role":"user","content":"Say hello."}],"max_tokens":4})", 20'000'000'000);
    co_return std::make_unique<int>(answer.ok() ? answer->status : 0);
  }
  bool Answers(const Lease& lease) {
    const std::string fields = "Content-Type: application/json\r\nAuthorization: " +
                               std::string(lease.endpoint().authorization.Reveal()) + "\r\n";
    constexpr int kOk = 200;
    return *net::SpawnFuture(shards_[1].io(), Ask(lease.endpoint().origin, fields)).get() == kOk;
  }

  fs::path folder_;
  EngineOptions options_;
  net::ShardSet shards_{2};
  net::HttpClient client_{shards_[1], {}};
  std::vector<std::unique_ptr<net::CancelToken>> cancels_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineFitTest, WhereDevicesAreRequiredAndThereAreNoneNothingIsStarted) {
  options_.machine.require_gpu = true;
  Create({Model("tiny")});
  const Result<Lease> lease = Acquire("tiny");
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().reason, "engine_memory");
  EXPECT_NE(lease.error().message.find("engine.require_gpu"), std::string::npos);
  EXPECT_FALSE(engine_->Live("tiny")->available);
  EXPECT_NE(StatusOf("tiny").unfit.find("no graphics device"), std::string::npos);
  engine_->SetMachine({});  // the driver is back, or nobody insists any more
  EXPECT_TRUE(Acquire("tiny").ok());
}

TEST_F(EngineFitTest, ARequestThatNeedsALargerWindowGetsOneAndItStays) {
  Create({Model("tiny")});  // 512 tokens, for two at once
  {
    Result<Lease> lease = Acquire("tiny");
    ASSERT_TRUE(lease.ok()) << Describe(lease.error());
    EXPECT_EQ(lease->endpoint().context_tokens, 512);
  }
  const int small = StatusOf("tiny").pid;
  {
    Result<Lease> lease = Acquire("tiny", 600);
    ASSERT_TRUE(lease.ok()) << Describe(lease.error());
    EXPECT_EQ(lease->endpoint().context_tokens, kStarterContext);
    EXPECT_TRUE(Answers(*lease));
  }
  const int large = StatusOf("tiny").pid;
  EXPECT_NE(small, large);
  EXPECT_EQ(StatusOf("tiny").context_tokens, kStarterContext);
  Result<Lease> again = Acquire("tiny");  // does not shrink it
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(StatusOf("tiny").pid, large);
}

TEST_F(EngineFitTest, ALargerWindowWaitsForThoseThatUseTheModel) {
  Create({Model("tiny")});
  Result<Lease> busy = Acquire("tiny");
  ASSERT_TRUE(busy.ok());
  const int small = StatusOf("tiny").pid;
  std::future<LeaseResult> larger = StartAcquire("tiny", 600);
  ASSERT_TRUE(Eventually([&] { return StatusOf("tiny").draining; }));
  EXPECT_TRUE(Answers(*busy));
  EXPECT_EQ(StatusOf("tiny").pid, small);
  busy = Unavailable(ErrorSource::kEngine, "given back");
  const LeaseResult lease = larger.get();
  ASSERT_TRUE(lease->ok()) << Describe(lease->error());
  EXPECT_NE(StatusOf("tiny").pid, small);
}

TEST_F(EngineFitTest, TheLargerWindowGoesWithItsProcess) {
  Create({Model("tiny")});
  ASSERT_TRUE(Acquire("tiny", 600).ok());
  engine_->Stop("tiny");
  ASSERT_TRUE(Reaches("tiny", ModelState::kAbsent));
  EXPECT_EQ(StatusOf("tiny").context_tokens, 512);
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(lease->endpoint().context_tokens, 512);
}

TEST_F(EngineFitTest, AWindowBeyondWhatTheModelWasMadeForIsRefusedWithNumbers) {
  Create({Model("tiny")});
  const Result<Lease> lease = Acquire("tiny", 1'000'000);
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(lease.error().reason, "context_length_exceeded");
  EXPECT_NE(lease.error().message.find("1000000 tokens"), std::string::npos);
  EXPECT_NE(lease.error().message.find(std::to_string(kStarterContext)), std::string::npos);
  EXPECT_TRUE(Acquire("tiny").ok());
}

TEST_F(EngineFitTest, AModelThatIsTooLargeForTheMachineIsRefusedWithNumbersAndNotStarted) {
  options_.machine.host_bytes = 8ULL << 20U;
  Create({Model("tiny")});
  const Result<Lease> lease = Acquire("tiny");
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().reason, "engine_memory");
  EXPECT_NE(lease.error().message.find("8 MiB may be used"), std::string::npos)
      << lease.error().message;
  EXPECT_FALSE(engine_->Live("tiny")->available);
  EXPECT_EQ(StatusOf("tiny").last_start_nanos, 0);
}

}  // namespace
}  // namespace tidegate::engine
