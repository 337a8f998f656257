#include "net/wait_point.h"

#include <string>

#include <gtest/gtest.h>

#include "net/async.h"

namespace tidegate::net {
namespace {

struct Destroyed {
  bool& flag;
  ~Destroyed() { flag = true; }
};

Task<void> WaitOn(WaitPoint& point, std::string& log, bool& destroyed) {
  const Destroyed mark{destroyed};
  log += "waits ";
  co_await point.Wait();
  log += "goes on ";
}

Task<void> WaitTwice(WaitPoint& point, std::string& log, bool& destroyed) {
  co_await WaitOn(point, log, destroyed);
  co_await WaitOn(point, log, destroyed);
  log += "ends ";
}

class WaitPointTest : public ::testing::Test {
 protected:
  void Start() {
    Spawn(io_, WaitTwice(point_, log_, destroyed_), [](std::exception_ptr) {});
    io_.run();
  }
  asio::io_context io_;
  WaitPoint point_;
  std::string log_;
  bool destroyed_ = false;
};

TEST_F(WaitPointTest, AWaiterGoesOnInsideWake) {
  Start();
  EXPECT_EQ(log_, "waits ");
  EXPECT_TRUE(point_.waiting());
  point_.Wake();
  EXPECT_EQ(log_, "waits goes on waits ");
  point_.Wake();
  EXPECT_EQ(log_, "waits goes on waits goes on ends ");
  EXPECT_FALSE(point_.waiting());
}

TEST_F(WaitPointTest, AWakeThatNobodyWaitsForIsLost) {
  point_.Wake();
  Start();
  EXPECT_EQ(log_, "waits ");
  point_.Abandon();
}

TEST_F(WaitPointTest, AnAbandonedWaiterIsDestroyedUnfinished) {
  Start();
  point_.Abandon();
  EXPECT_TRUE(destroyed_);
  EXPECT_FALSE(point_.waiting());
  EXPECT_EQ(log_, "waits ");
  point_.Abandon();
  point_.Wake();
}

}  // namespace
}  // namespace tidegate::net
