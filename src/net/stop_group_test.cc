#include "net/stop_group.h"

#include <atomic>

#include <gtest/gtest.h>

#include "net/async.h"
#include "net/sleep.h"

namespace tidegate::net {
namespace {

constexpr std::int64_t kHourNanos = 3'600LL * 1'000'000'000;

Task<void> SleepLong(Shard& shard, TaskGroup& group, std::atomic<int>& ended) {
  SleepTimer timer(shard);
  (void)co_await timer.SleepUntil(group.cancel(), MonotonicNow() + kHourNanos);
  ++ended;
}

Task<void> SpawnTwo(Shard& shard, TaskGroup& group, std::atomic<int>& ended) {
  EXPECT_TRUE(group.Spawn(SleepLong(shard, group, ended)));
  EXPECT_TRUE(group.Spawn(SleepLong(shard, group, ended)));
  co_return;
}

Task<void> SpawnTooLate(Shard& shard, TaskGroup& group, std::atomic<int>& ended) {
  EXPECT_FALSE(group.Spawn(SleepLong(shard, group, ended)));
  co_return;
}

TEST(StopGroup, ReturnsWhenAllThatRanHasEndedAndLetsNothingBegin) {
  ShardSet shards(1);
  TaskGroup group(shards[0].io());
  std::atomic<int> ended = 0;
  SpawnFuture(shards[0].io(), SpawnTwo(shards[0], group, ended)).wait();
  EXPECT_EQ(ended, 0);
  StopGroup(shards[0], group);
  EXPECT_EQ(ended, 2);
  SpawnFuture(shards[0].io(), SpawnTooLate(shards[0], group, ended)).wait();
  StopGroup(shards[0], group);  // nothing is left to stop
  shards.Stop();
}

}  // namespace
}  // namespace tidegate::net
