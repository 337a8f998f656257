#include "net/worker.h"

#include <future>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "net/shard.h"

namespace tidegate::net {
namespace {

struct Seen {
  std::string value;
  ErrorCode error = ErrorCode::kInternal;
  std::thread::id after;
};

Task<Seen> Use(Shard& shard, Worker& worker, std::function<Result<std::string>()> job) {
  Seen seen;
  const Result<std::string> result = co_await worker.Run(shard, std::move(job));
  seen.after = std::this_thread::get_id();
  if (result.ok()) {
    seen.value = *result;
  } else {
    seen.error = result.error().code;
  }
  co_return seen;
}

TEST(Worker, TheJobRunsElsewhereAndItsCallerGoesOnAtHome) {
  ShardSet shards(1);
  Worker worker;
  std::promise<std::thread::id> home;
  shards[0].Post([&home] { home.set_value(std::this_thread::get_id()); });
  std::thread::id job_thread;
  std::function<Result<std::string>()> job = [&job_thread]() -> Result<std::string> {
    job_thread = std::this_thread::get_id();
    return std::string("done");
  };
  const Seen seen = SpawnFuture(shards[0].io(), Use(shards[0], worker, job)).get();
  EXPECT_EQ(seen.value, "done");
  EXPECT_EQ(seen.after, home.get_future().get());
  EXPECT_NE(job_thread, seen.after);
  EXPECT_NE(job_thread, std::this_thread::get_id());
}

TEST(Worker, AnErrorOfTheJobIsTheResult) {
  ShardSet shards(1);
  Worker worker;
  std::function<Result<std::string>()> job = []() -> Result<std::string> {
    return NotFound("nothing");
  };
  const Seen seen = SpawnFuture(shards[0].io(), Use(shards[0], worker, job)).get();
  EXPECT_EQ(seen.error, ErrorCode::kNotFound);
}

TEST(Worker, TooManyJobsAreRefusedAtOnceAndTheOthersAreDone) {
  ShardSet shards(1);
  Worker worker;
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::function<Result<std::string>()> job = [open]() -> Result<std::string> {
    open.wait();
    return std::string("done");
  };
  std::vector<std::future<Seen>> accepted;
  for (std::size_t i = 0; i < kWorkerJobsMax; ++i) {
    accepted.push_back(SpawnFuture(shards[0].io(), Use(shards[0], worker, job)));
  }
  const Seen refused = SpawnFuture(shards[0].io(), Use(shards[0], worker, job)).get();
  EXPECT_EQ(refused.error, ErrorCode::kUnavailable);
  gate.set_value();
  for (std::future<Seen>& one : accepted) EXPECT_EQ(one.get().value, "done");
}

}  // namespace
}  // namespace tidegate::net
