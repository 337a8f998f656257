#include "app/machine_service.h"

#include <utility>

#include "app/engine_settings.h"
#include "net/sleep.h"
#include "net/stop_group.h"
#include "obs/log.h"

namespace tidegate::app {

MachineService::MachineService(net::Shard& shard, engine::Locator& locator,
                               const Settings& settings)
    : shard_(shard), machine_(FitPolicyOf(settings).machine), watch_(locator), group_(shard.io()) {}

engine::Machine MachineService::Now() {
  bool wait = false;
  {
    const std::lock_guard lock(mutex_);
    wait = machine_.require_gpu && !looked_;
  }
  if (wait) (void)Look(false);
  const std::lock_guard lock(mutex_);
  return machine_;
}

std::string MachineService::why_not() const {
  const std::lock_guard lock(mutex_);
  return machine_.devices_why_not;
}

// True when there are others than before.
bool MachineService::Look(bool starting) {
  std::unique_lock look(look_mutex_, std::defer_lock);
  if (!starting) look.lock();
  if (starting && !look.try_lock()) return false;  // whoever looks now tells what it finds
  std::optional<engine::DeviceNews> news = watch_.Look(use_, starting);
  const std::lock_guard lock(mutex_);
  looked_ = true;
  if (!news) return false;
  const bool same_trouble = news->why_not == machine_.devices_why_not;
  if (!news->why_not.empty() && !same_trouble) {
    obs::Log(obs::Level::kWarning, "the graphics devices are not known: {}", news->why_not);
  }
  for (const engine::GraphicsDevice& device : news->devices) {
    obs::Log(obs::Level::kInfo, "graphics device {}: {}, {} of {} MiB free", device.id,
             device.description, device.free_bytes >> 20U, device.total_bytes >> 20U);
  }
  machine_.devices_why_not = std::move(news->why_not);
  if (same_trouble && engine::SameDevices(news->devices, machine_.devices)) return false;
  machine_.devices = std::move(news->devices);
  return true;
}

bool MachineService::LookBeforeStart() {
  if (!watching_ || !Look(true)) return false;
  changed_(Now());
  return true;
}

net::Task<void> MachineService::Watch() {
  net::SleepTimer timer(shard_);
  for (;;) {
    std::function<Result<void>()> look = [this]() -> Result<void> {
      if (Look(false)) changed_(Now());
      return {};
    };
    // A thread that is busy for now is no reason to stop looking.
    (void)co_await worker_.Run(shard_, std::move(look));
    const bool waited =
        co_await timer.SleepUntil(group_.cancel(), net::MonotonicNow() + kMachineWatchNanos);
    if (!waited) co_return;
  }
}

void MachineService::StartWatching(std::function<void(engine::Machine)> changed,
                                   std::function<engine::DeviceUse()> use) {
  changed_ = std::move(changed);
  use_ = std::move(use);
  watching_ = true;
  shard_.Post([this] { (void)group_.Spawn(Watch()); });
}

void MachineService::Stop() { net::StopGroup(shard_, group_); }

}  // namespace tidegate::app
