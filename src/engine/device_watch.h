// Which graphics devices llama-server sees, off the way of requests, since the answer starts the
// drivers and takes up to seconds.
//
// It is asked once for each llama-server that is found, and again when the answer may no longer be
// true: after a question that failed (at growing intervals), after a process that failed or started
// on fewer devices than planned, when the last process that held their memory has gone, and before
// one is started while none holds any, if the answer is minutes old. What other programs hold of a
// device is seen then; while processes of ours hold some, their share counts as free, because the
// budget that is made of it is theirs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/devices.h"
#include "engine/locator.h"

namespace tidegate::engine {

inline constexpr std::int64_t kDeviceRetryNanosFirst = 5'000'000'000;  // then doubled
inline constexpr std::int64_t kDeviceRetryNanosMax = 300'000'000'000;
inline constexpr std::int64_t kDevicePauseNanos = 10'000'000'000;  // between good answers
// An answer of that age is asked for again before a process is started.
inline constexpr std::int64_t kDeviceNewsNanosOld = 120'000'000'000;
// Other programs take and give back that much all the time.
inline constexpr std::uint64_t kDeviceSlackBytes = 256ULL * 1024 * 1024;

// What is known of them.
struct DeviceNews {
  std::vector<GraphicsDevice> devices;
  std::string why_not;  // they could not be listed; `devices` are those known before
};

// What processes of ours do with them.
struct DeviceUse {
  bool held = false;          // one runs that has memory of them
  int starting = 0;           // that will have some, and may have it already
  std::int64_t failures = 0;  // that may have to do with them, since the gate began
};

// As far as it matters for what is loaded there.
bool SameDevices(const std::vector<GraphicsDevice>& a, const std::vector<GraphicsDevice>& b);

// Not thread-safe.
class DeviceWatch {
 public:
  // `locator` and `clock` outlive it. `use` may be empty: nobody uses them.
  explicit DeviceWatch(Locator& locator, const Clock& clock = SystemClock())
      : locator_(locator), clock_(clock) {}
  // Nothing when there is no reason to ask, or no llama-server. `starting`: one of those that are
  // being started waits for the answer. May block.
  std::optional<DeviceNews> Look(const std::function<DeviceUse()>& use = nullptr,
                                 bool starting = false);

 private:
  bool Due(std::int64_t now, const DeviceUse& use, bool starting) const;
  std::vector<GraphicsDevice> WithOurs(std::vector<GraphicsDevice> listed) const;

  Locator& locator_;
  const Clock& clock_;
  std::string asked_;  // path and version
  std::int64_t asked_at_ = 0;
  std::int64_t retry_nanos_ = 0;       // until the next try; 0 = the last question was answered
  std::vector<GraphicsDevice> known_;  // of asked_
  std::int64_t failures_seen_ = 0;
  bool held_since_ = false;  // since the last answer a process of ours held some
};

}  // namespace tidegate::engine
