// The end of a service whose coroutines run on a shard.
#pragma once

#include "net/shard.h"
#include "net/task_group.h"

namespace tidegate::net {

// Cancels what runs in `group`, on the shard that it belongs to, and blocks until all of it has
// ended; nothing can be spawned any more. REQUIRES: called from a thread that is no shard, while
// `shard` runs.
void StopGroup(Shard& shard, TaskGroup& group);

}  // namespace tidegate::net
