#include "engine/scheduler.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "net/deadline.h"
#include "obs/log.h"

namespace tidegate::engine {
namespace {

void LogDecision(const Decision& decision) {
  if (decision.kind == Decision::Kind::kYield) {
    obs::Log(obs::Level::kInfo, "local model {} makes room for another", decision.model);
  } else if (decision.kind == Decision::Kind::kExpire) {
    obs::Log(obs::Level::kWarning, "{}", decision.error.message);
  } else if (decision.kind == Decision::Kind::kPreload) {
    obs::Log(obs::Level::kInfo, "local model {} is loaded before anybody asks", decision.model);
  }
}

}  // namespace

Scheduler::Scheduler(net::Shard& shard, const ResidencyLimits& limits)
    : residency_(limits), timer_(shard.io()) {}

void Scheduler::Add(const std::string& model, std::weak_ptr<Resident> resident,
                    const MemoryAmount& bytes) {
  residents_[model] = std::move(resident);
  Announce(model, bytes);
}

void Scheduler::Announce(const std::string& model, const MemoryAmount& bytes) {
  const std::lock_guard lock(mutex_);
  residency_.Add(model, bytes);
}

void Scheduler::SetDeviceBytes(std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  Decisions decisions = residency_.SetDeviceBytes(net::MonotonicNow(), bytes);
  lock.unlock();
  Carry(std::move(decisions));
}

void Scheduler::SeedUses(std::string_view model, double uses) {
  {
    const std::lock_guard lock(mutex_);
    residency_.SeedUses(net::MonotonicNow(), model, uses);
  }
  ArmTimer();
}

void Scheduler::Remove(const std::string& model) {
  residents_.erase(model);
  std::unique_lock lock(mutex_);
  Decisions decisions = residency_.Remove(net::MonotonicNow(), model);
  lock.unlock();
  Carry(std::move(decisions));
}

void Scheduler::Pin(std::string_view model, bool pinned) {
  std::unique_lock lock(mutex_);
  Decisions decisions = residency_.Pin(net::MonotonicNow(), model, pinned);
  lock.unlock();
  Carry(std::move(decisions));
}

std::optional<Error> Scheduler::PinError(std::string_view model) const {
  const std::lock_guard lock(mutex_);
  return residency_.PinError(model);
}

void Scheduler::Changed(const std::string& model) {
  changed_.push_back(model);
  Pump();
}

// Decisions change models and changes lead to decisions: one after another, not one inside another.
void Scheduler::Pump() {
  if (pumping_) return;
  pumping_ = true;
  while (!changed_.empty()) {
    const std::string model = std::move(changed_.back());
    changed_.pop_back();
    const auto at = residents_.find(model);
    const std::shared_ptr<Resident> resident = at == residents_.end() ? nullptr : at->second.lock();
    if (!resident) continue;
    std::unique_lock lock(mutex_);
    Decisions decisions = residency_.Update(net::MonotonicNow(), model, resident->use());
    lock.unlock();
    Carry(std::move(decisions));
  }
  pumping_ = false;
  ArmTimer();
}

void Scheduler::Carry(Decisions decisions) {
  for (Decision& decision : decisions) {
    LogDecision(decision);
    const auto at = residents_.find(decision.model);
    const std::shared_ptr<Resident> resident = at == residents_.end() ? nullptr : at->second.lock();
    if (!resident) continue;
    changed_.push_back(decision.model);  // also when it could not do what it was told
    resident->OnDecision(std::move(decision));
  }
  Pump();
}

void Scheduler::ArmTimer() {
  if (!timer_) return;
  std::unique_lock lock(mutex_);
  const std::optional<std::int64_t> wake_at = residency_.wake_at();
  lock.unlock();
  if (wake_at == armed_for_) return;
  armed_for_ = wake_at;
  timer_->cancel();
  if (!wake_at) return;
  timer_->expires_after(std::chrono::nanoseconds(*wake_at - net::MonotonicNow()));
  timer_->async_wait([weak = weak_from_this()](net::error_code ec) {
    const std::shared_ptr<Scheduler> self = weak.lock();
    if (ec || !self) return;  // armed anew
    self->armed_for_.reset();
    std::unique_lock guard(self->mutex_);
    Decisions decisions = self->residency_.OnTimer(net::MonotonicNow());
    guard.unlock();
    self->Carry(std::move(decisions));
  });
}

void Scheduler::Stop() {
  timer_.reset();
  residents_.clear();
}

MemoryOutlook Scheduler::Outlook(std::string_view model) const {
  const std::int64_t now = net::MonotonicNow();
  const std::lock_guard lock(mutex_);
  return {residency_.ExpectedWait(now, model), residency_.WaitBound(now, model),
          residency_.HeldBy(now, model),       residency_.bytes(model),
          residency_.Weight(now, model),       residency_.Impossible(model)};
}

}  // namespace tidegate::engine
