// Waiting without holding a shard, and only for as long as the client waits.
#pragma once

#include <chrono>
#include <cstdint>

#include <boost/asio/basic_waitable_timer.hpp>

#include "net/async.h"
#include "net/cancel.h"
#include "net/shard.h"

namespace tidegate::net {

// A timer of one request, used for one wait at a time on its shard.
class SleepTimer {
 public:
  explicit SleepTimer(Shard& shard) : timer_(shard.io()) {}
  // Waits until the monotonic time `due_nanos`. false = `cancel` was cancelled, before or
  // meanwhile.
  Task<bool> SleepUntil(CancelToken& cancel, std::int64_t due_nanos);

 private:
  using Clock = std::chrono::steady_clock;
  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer_;
};

}  // namespace tidegate::net
