// Carries out what Residency decides: passes on what the runners do, and tells them what to do.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "engine/residency.h"
#include "net/shard.h"

namespace tidegate::engine {

// One resident process at most, as the scheduler sees it. Called on the shard.
class Resident {
 public:
  virtual ~Resident() = default;
  virtual Use use() const = 0;
  virtual void OnDecision(Decision decision) = 0;
};

// What of the future can be told of one model.
struct MemoryOutlook {
  std::int64_t expected_wait_nanos = 0;          // for memory, see Residency
  std::optional<std::int64_t> wait_bound_nanos;  // likewise; nothing = no limit
  std::string held_by;                           // likewise
  MemoryAmount bytes;                            // that it needs
  double use_weight = 0;
  std::optional<Error> impossible;
};

// On the shard's thread only, unless said otherwise.
class Scheduler : public std::enable_shared_from_this<Scheduler> {
 public:
  Scheduler(net::Shard& shard, const ResidencyLimits& limits);

  // `resident` is told from now on what concerns `model`.
  void Add(const std::string& model, std::weak_ptr<Resident> resident, const MemoryAmount& bytes);
  // What `model` needs from its next start on; enough for Outlook. Thread-safe.
  void Announce(const std::string& model, const MemoryAmount& bytes);
  // What all graphics devices have for models; 0 = there are none.
  void SetDeviceBytes(std::uint64_t bytes);
  void SeedUses(std::string_view model, double uses);
  void Remove(const std::string& model);
  void Pin(std::string_view model, bool pinned);
  // See Residency. Thread-safe.
  std::optional<Error> PinError(std::string_view model) const;
  // `model` may have changed. What follows from that has happened when this returns, or, called
  // from OnDecision, soon after.
  void Changed(const std::string& model);
  // No decision after this.
  void Stop();

  // Thread-safe.
  MemoryOutlook Outlook(std::string_view model) const;

 private:
  void Carry(Decisions decisions);
  void Pump();
  void ArmTimer();

  mutable std::mutex mutex_;
  Residency residency_;  // guarded by mutex_
  std::map<std::string, std::weak_ptr<Resident>, std::less<>> residents_;
  std::vector<std::string> changed_;
  bool pumping_ = false;
  std::optional<net::asio::steady_timer> timer_;  // nothing after Stop: the shard may go
  std::optional<std::int64_t> armed_for_;
};

}  // namespace tidegate::engine
