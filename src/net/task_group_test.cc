#include "net/task_group.h"

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace tidegate::net {
namespace {

// Everything runs on this thread: Run turns the loop until nothing is left to do.
class TaskGroupTest : public ::testing::Test {
 protected:
  void Run() {
    io_.restart();
    io_.run();
  }
  void Start(Task<void> task) {
    Spawn(io_, std::move(task), [](std::exception_ptr thrown) { EXPECT_EQ(thrown, nullptr); });
  }

  asio::io_context io_;
  TaskGroup group_{io_};
  std::vector<std::string> events_;
};

Task<void> Note(std::vector<std::string>* events, std::string what) {
  events->push_back(std::move(what));
  co_return;
}

// Waits until it is interrupted through `cancel`.
Task<void> WaitForever(asio::io_context* io, CancelToken* cancel, std::vector<std::string>* events,
                       std::string name) {
  asio::steady_timer never(*io, asio::steady_timer::time_point::max());
  const CancelToken::Scope scope(*cancel, [&never] { never.cancel(); });
  events->push_back(name + " waits");
  co_await never.async_wait(kAwait);
  events->push_back(name + (cancel->cancelled() ? " cancelled" : " woke"));
}

Task<void> WaitAndNote(TaskGroup* group, std::vector<std::string>* events) {
  co_await group->Wait();
  events->push_back("none left");
}

Task<void> Throw() {
  throw std::bad_alloc();
  co_return;
}

TEST_F(TaskGroupTest, AnEmptyGroupIsWaitedForWithoutWaiting) {
  Start(WaitAndNote(&group_, &events_));
  Run();
  EXPECT_EQ(events_, std::vector<std::string>{"none left"});
}

TEST_F(TaskGroupTest, WaitReturnsAfterTheLastChild) {
  EXPECT_TRUE(group_.Spawn(Note(&events_, "a")));
  EXPECT_TRUE(group_.Spawn(Note(&events_, "b")));
  EXPECT_EQ(group_.size(), 2U);
  Start(WaitAndNote(&group_, &events_));
  Run();
  EXPECT_EQ(events_, (std::vector<std::string>{"a", "b", "none left"}));
  EXPECT_EQ(group_.size(), 0U);
}

TEST_F(TaskGroupTest, ChildrenThatWaitEndWhenTheGroupIsCancelled) {
  group_.Spawn(WaitForever(&io_, &group_.cancel(), &events_, "a"));
  group_.Spawn(WaitForever(&io_, &group_.cancel(), &events_, "b"));
  Start(WaitAndNote(&group_, &events_));
  asio::post(io_, [this] { asio::post(io_, [this] { group_.Cancel(); }); });
  Run();
  EXPECT_EQ(events_, (std::vector<std::string>{"a waits", "b waits", "a cancelled", "b cancelled",
                                               "none left"}));
  EXPECT_EQ(group_.cancel().why(), ErrorCode::kCancelled);
}

TEST_F(TaskGroupTest, AChildSpawnedByAChildIsWaitedForToo) {
  struct Parent {
    static Task<void> Run(TaskGroup* group, std::vector<std::string>* events) {
      group->Spawn(Note(events, "grandchild"));
      events->push_back("child");
      co_return;
    }
  };
  group_.Spawn(Parent::Run(&group_, &events_));
  Start(WaitAndNote(&group_, &events_));
  Run();
  EXPECT_EQ(events_, (std::vector<std::string>{"grandchild", "child", "none left"}));
}

TEST_F(TaskGroupTest, AClosedGroupStartsNothingMore) {
  group_.Spawn(Note(&events_, "before"));
  group_.Close();
  EXPECT_FALSE(group_.Spawn(Note(&events_, "after")));
  Run();
  EXPECT_EQ(events_, std::vector<std::string>{"before"});
}

TEST_F(TaskGroupTest, ATaskThatIsRefusedIsDestroyed) {
  struct Holder {
    static Task<void> Run(std::shared_ptr<int>) { co_return; }
  };
  const auto watched = std::make_shared<int>(0);
  group_.Close();
  EXPECT_FALSE(group_.Spawn(Holder::Run(watched)));
  EXPECT_EQ(watched.use_count(), 1);
}

TEST_F(TaskGroupTest, AChildThatThrowsCountsAsEnded) {
  group_.Spawn(Throw());
  Start(WaitAndNote(&group_, &events_));
  Run();
  EXPECT_EQ(events_, std::vector<std::string>{"none left"});
}

TEST_F(TaskGroupTest, AGroupIsUsedAgainAfterWait) {
  group_.Spawn(Note(&events_, "a"));
  Start(WaitAndNote(&group_, &events_));
  Run();
  group_.Spawn(Note(&events_, "b"));
  Start(WaitAndNote(&group_, &events_));
  Run();
  EXPECT_EQ(events_, (std::vector<std::string>{"a", "none left", "b", "none left"}));
}

TEST(TaskGroupDeathTest, DestroyingAGroupWithChildrenIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  asio::io_context io;
  std::vector<std::string> events;
  auto group = std::make_unique<TaskGroup>(io);
  group->Spawn(Note(&events, "a"));
  EXPECT_DEATH(group.reset(), "children_ == 0");
  io.stop();
}

// --- CancelToken ---------------------------------------------------------------------------------

TEST(CancelToken, EveryRegisteredWaitIsInterruptedOnce) {
  CancelToken token;
  int first = 0, second = 0;
  const CancelToken::Scope a(token, [&] { ++first; });
  const CancelToken::Scope b(token, [&] { ++second; });
  token.Cancel(ErrorCode::kDeadlineExceeded);
  token.Cancel(ErrorCode::kCancelled);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
  EXPECT_EQ(token.why(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(token.MakeError().code, ErrorCode::kDeadlineExceeded);
}

TEST(CancelToken, AWaitThatHasEndedIsNotInterrupted) {
  CancelToken token;
  int outer = 0, inner = 0;
  const CancelToken::Scope a(token, [&] { ++outer; });
  {
    const CancelToken::Scope b(token, [&] { ++inner; });
  }
  token.Cancel(ErrorCode::kCancelled);
  EXPECT_EQ(outer, 1);
  EXPECT_EQ(inner, 0);
}

TEST(CancelToken, AWaitThatBeginsTooLateIsInterruptedAtOnce) {
  CancelToken token;
  token.Cancel(ErrorCode::kCancelled);
  int interrupted = 0;
  const CancelToken::Scope late(token, [&] { ++interrupted; });
  EXPECT_EQ(interrupted, 1);
}

TEST(CancelToken, AnInterruptionMayEndItsOwnScopeAndOthers) {
  CancelToken token;
  std::unique_ptr<CancelToken::Scope> a, b;
  int interrupted = 0;
  const auto end_both = [&] {
    ++interrupted;
    a.reset();
    b.reset();
  };
  a = std::make_unique<CancelToken::Scope>(token, end_both);
  b = std::make_unique<CancelToken::Scope>(token, end_both);
  token.Cancel(ErrorCode::kCancelled);
  EXPECT_EQ(interrupted, 1);
}

}  // namespace
}  // namespace tidegate::net
