#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "engine/supervisor.h"
#include "engine/testing/supervisor_fixture.h"

namespace tidegate::engine {
namespace {

using testing::kSecond;
using testing::SupervisorTest;

class SupervisorCheckTest : public SupervisorTest {
 protected:
  SupervisorCheckTest() : SupervisorTest(Checking()) {}
  static SupervisorLimits Checking() {
    SupervisorLimits limits = Limits();
    limits.check_nanos = 10 * kSecond;
    limits.check_timeout_nanos = 4 * kSecond;
    limits.check_misses_max = 3;
    return limits;
  }
};

TEST_F(SupervisorCheckTest, AsksAtTimesWhileItIsUsedAndNotWhenItIsIdle) {
  Serve();
  const std::int64_t began = now_;
  EXPECT_EQ(Wake(), "check");
  EXPECT_EQ(now_, began + 10 * kSecond);
  EXPECT_EQ(supervisor_.wake_at(), std::nullopt);  // until the answer is there
  now_ += kSecond;
  EXPECT_EQ(Checked(true), "");
  EXPECT_EQ(*supervisor_.wake_at(), now_ + 10 * kSecond);
  Release();
  EXPECT_EQ(Wake(), "check");  // of a use that may have ended because nothing came
  EXPECT_EQ(Checked(true), "");
  EXPECT_EQ(Wake(), "terminate");  // the idle limit
}

TEST_F(SupervisorCheckTest, OneThatSaysNothingIsKilledAndItsUsersEndWithTheReason) {
  Serve();
  Acquire(2);
  Acquire(3);
  EXPECT_EQ(Wake(), "check");
  EXPECT_EQ(Checked(false), "");  // at once, since it takes no more connections
  const std::int64_t began = now_;
  EXPECT_EQ(Wake(), "check");
  EXPECT_EQ(now_, began + 4 * kSecond);
  now_ += 4 * kSecond;
  EXPECT_EQ(Checked(false), "");
  EXPECT_EQ(Wake(), "check");
  now_ += 4 * kSecond;
  EXPECT_EQ(Checked(false), "kill");
  EXPECT_TRUE(supervisor_.hung());
  Release();
  EXPECT_EQ(Acquire(4), "");  // nobody gets it any more
  EXPECT_EQ(Exited("was killed by signal 9"), "");
  EXPECT_EQ(state(), ModelState::kBackingOff);
  EXPECT_NE(status().last_error.find("answered nothing for 12 s"), std::string::npos)
      << status().last_error;
  EXPECT_EQ(status().counts.crashes, 1);
  EXPECT_EQ(Wake(), "spawn");
  EXPECT_EQ(Spawned(), "");
  EXPECT_EQ(Wake(), "probe");
  EXPECT_EQ(Probed(true), "grant 3, grant 4");
}

TEST_F(SupervisorCheckTest, AnAnswerClearsTheMisses) {
  Serve();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Wake(), "check");
    EXPECT_EQ(Checked(false), "");
    EXPECT_EQ(Wake(), "check");
    EXPECT_EQ(Checked(false), "");
    EXPECT_EQ(Wake(), "check");
    EXPECT_EQ(Checked(true), "");
  }
}

TEST_F(SupervisorCheckTest, NewsOfAnEndedProcessAreNone) {
  Serve();
  EXPECT_EQ(Wake(), "check");
  const std::uint64_t run = supervisor_.run();
  Exited();
  EXPECT_EQ(Wake(), "spawn");
  EXPECT_EQ(Take(supervisor_.OnCheck(now_, run, false)), "");
  EXPECT_EQ(Spawned(), "");
  EXPECT_EQ(Wake(), "probe");
}

}  // namespace
}  // namespace tidegate::engine
