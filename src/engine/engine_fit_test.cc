// What the engine makes of the fit of its models, with the real llama-server.
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <poll.h>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/testing/engine_fixture.h"

namespace tidegate::engine {
namespace {

using testing::Eventually;
using testing::Model;
using LeaseResult = testing::Boxed<Lease>;

constexpr std::int64_t kStarterContext = 2'048;  // that it was trained for

class EngineFitTest : public testing::EngineFixture {
 protected:
  static Claim ForWindow(std::int64_t tokens) {
    Claim claim;
    claim.context_tokens = tokens;
    return claim;
  }
  std::future<LeaseResult> StartAcquire(const std::string& model, std::int64_t window = 0) {
    return EngineFixture::StartAcquire(model, ForWindow(window));
  }
  Result<Lease> Acquire(const std::string& model, std::int64_t window = 0) {
    return EngineFixture::Acquire(model, ForWindow(window));
  }
};

TEST_F(EngineFitTest, WhereDevicesAreRequiredAndNotKnownItSaysWhy) {
  options_.machine.require_gpu = true;
  options_.machine.devices_why_not = "llama-server cannot list its devices: exited with status 3";
  Create({Model("tiny")});
  const std::string unfit = StatusOf("tiny").unfit;
  EXPECT_NE(unfit.find("exited with status 3"), std::string::npos) << unfit;
  EXPECT_EQ(unfit.find("sees no graphics device"), std::string::npos) << unfit;
}

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

TEST_F(EngineFitTest, WhoWasToHaveLayersOnDevicesAndHasNoneSaysSo) {
  options_.child.device_layers = 4;
  models::LocalModel model = Model("tiny");
  model.parameters = {{"num_ctx", "65536"}};
  Create({model});
  ASSERT_TRUE(Acquire("tiny").ok());
  EXPECT_NE(StatusOf("tiny").degraded.find("4 of its layers"), std::string::npos)
      << StatusOf("tiny").degraded;
  EXPECT_NE(StatusOf("tiny").window_note.find("65536"), std::string::npos);
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
