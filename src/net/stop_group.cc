#include "net/stop_group.h"

#include "net/async.h"

namespace tidegate::net {
namespace {

Task<void> CancelAndWait(TaskGroup& group) {
  group.Cancel();
  co_await group.Wait();
}

}  // namespace

void StopGroup(Shard& shard, TaskGroup& group) {
  SpawnFuture(shard.io(), CancelAndWait(group)).wait();
}

}  // namespace tidegate::net
