#include "app/machine_service.h"

#include <exception>
#include <future>
#include <utility>

#include "base/check.h"
#include "net/sleep.h"
#include "obs/log.h"

namespace tidegate::app {

namespace {

// What local models may hold together, by the settings or by the machine; 0 = nobody knows.
std::uint64_t HostBudgetOf(const Settings& settings) {
  if (settings.engine_memory_mib > 0) {
    return static_cast<std::uint64_t>(settings.engine_memory_mib) << 20U;
  }
  const Result<engine::HostMemory> host = engine::ReadHostMemory();
  return host.ok() ? engine::HostBudget(*host) : 0;
}

}  // namespace

engine::FitPolicy FitPolicyOf(const Settings& settings) {
  engine::FitPolicy policy;
  policy.child.context_tokens_max = settings.engine_context_tokens;
  policy.child.threads = static_cast<int>(settings.engine_threads);
  if (settings.engine_gpu_layers >= 0) {
    policy.child.device_layers = static_cast<int>(settings.engine_gpu_layers);
  }
  policy.slots = static_cast<int>(settings.engine_slots);
  policy.machine = {HostBudgetOf(settings), {}, settings.engine_require_gpu};
  return policy;
}

MachineService::MachineService(net::Shard& shard, engine::Locator& locator,
                               const Settings& settings)
    : shard_(shard), machine_(FitPolicyOf(settings).machine), watch_(locator), group_(shard.io()) {}

engine::Machine MachineService::Now() {
  bool wait = false;
  {
    const std::lock_guard lock(mutex_);
    wait = machine_.require_gpu && !looked_;
  }
  if (wait) (void)Look();
  const std::lock_guard lock(mutex_);
  return machine_;
}

std::string MachineService::why_not() const {
  const std::lock_guard lock(mutex_);
  return why_not_;
}

// True when there are others than before.
bool MachineService::Look() {
  const std::lock_guard look(look_mutex_);
  std::optional<engine::DeviceNews> news = watch_.Look();
  const std::lock_guard lock(mutex_);
  looked_ = true;
  if (!news) return false;
  if (!news->why_not.empty()) {
    obs::Log(obs::Level::kWarning, "the graphics devices are not known: {}", news->why_not);
  }
  for (const engine::GraphicsDevice& device : news->devices) {
    obs::Log(obs::Level::kInfo, "graphics device {}: {}, {} of {} MiB free", device.id,
             device.description, device.free_bytes >> 20U, device.total_bytes >> 20U);
  }
  why_not_ = std::move(news->why_not);
  if (news->devices.empty() && machine_.devices.empty()) return false;
  machine_.devices = std::move(news->devices);
  return true;
}

net::Task<void> MachineService::Watch() {
  net::SleepTimer timer(shard_);
  for (;;) {
    std::function<Result<void>()> look = [this]() -> Result<void> {
      if (Look()) changed_(Now());
      return {};
    };
    // A thread that is busy for now is no reason to stop looking.
    (void)co_await worker_.Run(shard_, std::move(look));
    const bool waited =
        co_await timer.SleepUntil(group_.cancel(), net::MonotonicNow() + kMachineWatchNanos);
    if (!waited) co_return;
  }
}

void MachineService::StartWatching(std::function<void(engine::Machine)> changed) {
  changed_ = std::move(changed);
  shard_.Post([this] { (void)group_.Spawn(Watch()); });
}

void MachineService::Stop() {
  std::promise<void> ended;
  shard_.Post([this, &ended] {
    group_.Cancel();
    net::Spawn(shard_.io(), group_.Wait(), [&ended](const std::exception_ptr& e) {
      CHECK(e == nullptr);  // nothing of ours throws
      ended.set_value();
    });
  });
  ended.get_future().wait();
}

}  // namespace tidegate::app
