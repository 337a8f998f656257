#include "engine/device_watch.h"

#include <algorithm>
#include <utility>

namespace tidegate::engine {

bool SameDevices(const std::vector<GraphicsDevice>& a, const std::vector<GraphicsDevice>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const GraphicsDevice& one, const GraphicsDevice& other) {
                      const auto [less, more] = std::minmax(one.free_bytes, other.free_bytes);
                      return one.id == other.id && one.description == other.description &&
                             one.total_bytes == other.total_bytes &&
                             more - less <= kDeviceSlackBytes;
                    });
}

bool DeviceWatch::Due(std::int64_t now, const DeviceUse& use, bool starting) const {
  if (retry_nanos_ > 0) return now - asked_at_ >= retry_nanos_;
  if (known_.empty() || now - asked_at_ < kDevicePauseNanos) return false;
  const bool old = now - asked_at_ >= kDeviceNewsNanosOld;
  return use.failures > failures_seen_ || ((held_since_ || (starting && old)) && !use.held);
}

// What is free of a device is no less than it was when no process of ours ran.
std::vector<GraphicsDevice> DeviceWatch::WithOurs(std::vector<GraphicsDevice> listed) const {
  for (GraphicsDevice& device : listed) {
    const auto before = std::find_if(known_.begin(), known_.end(), [&](const GraphicsDevice& one) {
      return one.id == device.id && one.total_bytes == device.total_bytes;
    });
    if (before != known_.end()) device.free_bytes = std::max(device.free_bytes, before->free_bytes);
  }
  return listed;
}

std::optional<DeviceNews> DeviceWatch::Look(const std::function<DeviceUse()>& use, bool starting) {
  const Result<EngineBinary> binary = locator_.Locate();
  if (!binary.ok()) return std::nullopt;  // whoever asks for a model is told why
  const auto now_used = [&] {
    DeviceUse now = use ? use() : DeviceUse();
    now.held = now.held || now.starting > (starting ? 1 : 0);
    return now;
  };
  const DeviceUse before = now_used();
  held_since_ = held_since_ || before.held;
  std::string identity = binary->path + '\n' + binary->version;
  const std::int64_t now = clock_.MonotonicNanos();
  const bool other = identity != asked_;
  if (other && starting) return std::nullopt;  // nobody waits for the first answer
  if (!other && !Due(now, before, starting)) return std::nullopt;
  asked_ = std::move(identity);
  asked_at_ = now;
  failures_seen_ = before.failures;
  if (other) retry_nanos_ = 0;
  Result<std::vector<GraphicsDevice>> devices = ListDevices(*binary);
  if (!devices.ok()) {
    retry_nanos_ = retry_nanos_ == 0 ? kDeviceRetryNanosFirst
                                     : std::min(2 * retry_nanos_, kDeviceRetryNanosMax);
    if (other) known_.clear();
    return DeviceNews{known_, devices.error().message};
  }
  retry_nanos_ = 0;
  const bool held = before.held || now_used().held;  // one may have started meanwhile
  known_ = held ? WithOurs(*std::move(devices)) : *std::move(devices);
  held_since_ = held;
  return DeviceNews{known_, ""};
}

}  // namespace tidegate::engine
