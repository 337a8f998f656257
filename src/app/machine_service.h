// Keeps the engine's idea of this machine up to date: its memory, and the graphics devices that
// llama-server sees.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "app/settings.h"
#include "engine/device_watch.h"
#include "engine/fit.h"
#include "net/async.h"
#include "net/limits.h"
#include "net/shard.h"
#include "net/task_group.h"
#include "net/worker.h"

namespace tidegate::app {

// How soon an engine that was installed meanwhile is noticed.
inline constexpr std::int64_t kMachineWatchNanos = 5 * net::kSecond;

// REQUIRES: Stop before it is destroyed, from a thread that is no shard and while the shard runs.
class MachineService {
 public:
  // `locator` outlives it.
  MachineService(net::Shard& shard, engine::Locator& locator, const Settings& settings);

  // As it is known now. Where a graphics device is required, the first call waits until
  // llama-server has listed them; else there are none until it has. Thread-safe.
  engine::Machine Now();
  // Why the devices are not known; "" when they are, or nobody has looked. Thread-safe.
  std::string why_not() const;
  // From now on `changed` is called, on a thread that may wait for the disk, when the devices are
  // others than Now said. `use` says on that thread what processes of ours do with them.
  void StartWatching(std::function<void(engine::Machine)> changed,
                     std::function<engine::DeviceUse()> use);
  // Before a process is started, on a thread that starts no other meanwhile: looks again if what is
  // known is old. True when `changed` was called.
  bool LookBeforeStart();
  void Stop();

 private:
  bool Look(bool starting);
  net::Task<void> Watch();

  net::Shard& shard_;
  mutable std::mutex mutex_;
  engine::Machine machine_;                       // guarded by mutex_
  bool looked_ = false;                           // guarded by mutex_
  std::mutex look_mutex_;                         // held while looking
  engine::DeviceWatch watch_;                     // guarded by look_mutex_
  std::function<void(engine::Machine)> changed_;  // since StartWatching, as the next
  std::function<engine::DeviceUse()> use_;
  std::atomic<bool> watching_ = false;
  net::Worker worker_;
  net::TaskGroup group_;
};

}  // namespace tidegate::app
