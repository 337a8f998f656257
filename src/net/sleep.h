// Waiting without holding a shard, and only for as long as the client waits.
#pragma once

#include <chrono>
#include <cstdint>

#include <boost/asio/basic_waitable_timer.hpp>

#include "net/async.h"
#include "net/cancel.h"
#include "net/shard.h"

namespace tidegate::emulator {

// A timer of one request, used for one wait at a time on its shard.
class SleepTimer {
 public:
  explicit SleepTimer(net::Shard& shard) : timer_(shard.io()) {}
  // Waits until the monotonic time `due_nanos`. false = `cancel` was cancelled, before or
  // meanwhile.
  net::Task<bool> SleepUntil(net::CancelToken& cancel, std::int64_t due_nanos);

 private:
  using Clock = std::chrono::steady_clock;
  net::asio::basic_waitable_timer<Clock, net::asio::wait_traits<Clock>, net::Executor> timer_;
};

}  // namespace tidegate::emulator
