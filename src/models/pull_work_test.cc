#include "models/pull_work.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/shard.h"
#include "net/testing/on_shard.h"

namespace tidegate::models {
namespace {

using ::testing::ElementsAre;

// Everything happens on one shard, step by step.
struct Stage {
  explicit Stage(net::Shard& shard_in) : shard(shard_in), group(shard_in.io()), works(group) {}
  net::Shard& shard;
  net::TaskGroup group;
  PullWorks<int> works;
  net::WaitPoint gate;  // what the work waits for
  PullWork* work = nullptr;
  int begun = 0;
  bool slow = false;  // the work does not end when it is cancelled, but some time later
};

struct Caller {
  net::CancelToken cancel;
  std::vector<std::string> heard;
  std::vector<std::string> ended;  // "ok", "joined ok", "cancelled", …
};

net::Task<Result<void>> Work(Stage& stage, PullWork& work) {
  ++stage.begun;
  stage.work = &work;
  work.Tell({"begun", {}, 0, 0});
  const net::CancelToken::Scope scope(work.cancel(), [&stage] {
    if (!stage.slow) stage.gate.Wake();
  });
  if (!work.cancel().cancelled()) co_await stage.gate.Wait();
  if (work.cancel().cancelled()) co_return work.cancel().MakeError();
  co_return Result<void>();
}

net::Task<void> Wait(Stage& stage, Caller& caller, PullListener also) {
  PullListener listener = [&caller, also](const Progress& event) {
    caller.heard.push_back(event.status);
    if (also) also(event);
  };
  PullWorks<int>::Start start = [&stage](PullWork& work) { return Work(stage, work); };
  PullWorks<int>::Outcome outcome =
      co_await stage.works.Run(1, caller.cancel, std::move(listener), std::move(start));
  const std::string how = outcome.result.ok() ? "ok" : "cancelled";
  caller.ended.push_back(outcome.joined ? "joined " + how : how);
}

class PullWorkTest : public ::testing::Test {
 protected:
  // Runs `act` on the shard, with nothing left when it returns.
  void OnStage(const std::function<void(Stage&)>& act) {
    net::ShardSet shards(1);
    net::testing::OnShard(shards[0], [&] {
      Stage stage(shards[0]);
      act(stage);
      EXPECT_EQ(stage.works.size(), 0U);
      EXPECT_EQ(stage.group.size(), 0U);
    });
  }
  static void Begin(Stage& stage, Caller& caller, PullListener also = {}) {
    net::Spawn(stage.shard.io(), Wait(stage, caller, std::move(also)), [](std::exception_ptr) {});
  }
};

TEST_F(PullWorkTest, IsDoneOnceForAll) {
  OnStage([](Stage& stage) {
    Caller first, second;
    Begin(stage, first);
    stage.work->Tell({"more", {}, 0, 0});
    Begin(stage, second);
    EXPECT_EQ(stage.begun, 1);
    EXPECT_THAT(first.heard, ElementsAre("begun", "more"));
    EXPECT_THAT(second.heard, ElementsAre("more"));  // where it is now
    stage.gate.Wake();
    EXPECT_THAT(first.ended, ElementsAre("ok"));
    EXPECT_THAT(second.ended, ElementsAre("joined ok"));
    Begin(stage, second);
    EXPECT_EQ(stage.begun, 2);
    stage.gate.Wake();
  });
}

TEST_F(PullWorkTest, EndsWhenTheLastOneLeaves) {
  OnStage([](Stage& stage) {
    Caller first, second;
    Begin(stage, first);
    Begin(stage, second);
    first.cancel.Cancel(ErrorCode::kCancelled);
    EXPECT_THAT(first.ended, ElementsAre("cancelled"));
    EXPECT_FALSE(stage.work->cancel().cancelled());
    stage.work->Tell({"more", {}, 0, 0});
    EXPECT_THAT(first.heard, ElementsAre("begun"));
    EXPECT_THAT(second.heard, ElementsAre("begun", "more"));
    second.cancel.Cancel(ErrorCode::kCancelled);
    EXPECT_THAT(second.ended, ElementsAre("joined cancelled"));
  });
}

TEST_F(PullWorkTest, BeginsAnewForWhoComesWhileItEnds) {
  OnStage([](Stage& stage) {
    stage.slow = true;
    Caller first, second, third;
    Begin(stage, first);
    first.cancel.Cancel(ErrorCode::kCancelled);
    EXPECT_EQ(stage.works.size(), 1U);
    Begin(stage, second);
    Begin(stage, third);
    EXPECT_EQ(stage.begun, 1);
    EXPECT_TRUE(second.heard.empty());
    third.cancel.Cancel(ErrorCode::kCancelled);
    EXPECT_THAT(third.ended, ElementsAre("joined cancelled"));
    stage.gate.Wake();
    EXPECT_EQ(stage.begun, 2);
    EXPECT_THAT(second.heard, ElementsAre("begun"));
    stage.gate.Wake();
    EXPECT_THAT(second.ended, ElementsAre("ok"));
  });
}

TEST_F(PullWorkTest, AListenerMayLeaveWhileItListens) {
  OnStage([](Stage& stage) {
    Caller first, second;
    const auto leave = [](Caller& caller, std::string at) {
      return [&caller, at = std::move(at)](const Progress& event) {
        if (event.status == at) caller.cancel.Cancel(ErrorCode::kCancelled);
      };
    };
    Begin(stage, first, leave(first, "more"));
    Begin(stage, second);
    stage.work->Tell({"more", {}, 0, 0});
    EXPECT_THAT(first.ended, ElementsAre("cancelled"));
    EXPECT_THAT(second.heard, ElementsAre("begun", "more"));
    stage.gate.Wake();
    EXPECT_THAT(second.ended, ElementsAre("joined ok"));
    Caller third;
    Begin(stage, third, leave(third, "begun"));  // before it waits at all
    EXPECT_THAT(third.ended, ElementsAre("cancelled"));
  });
}

TEST_F(PullWorkTest, NothingBeginsOnceTheGroupIsClosed) {
  OnStage([](Stage& stage) {
    stage.group.Close();
    Caller caller;
    Begin(stage, caller);
    EXPECT_EQ(stage.begun, 0);
    EXPECT_EQ(caller.ended.size(), 1U);
  });
}

}  // namespace
}  // namespace tidegate::models
