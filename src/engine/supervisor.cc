#include "engine/supervisor.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tidegate::engine {
namespace {

using Kind = Action::Kind;

std::int64_t SecondsUp(std::int64_t nanos) { return (nanos + 999'999'999) / 1'000'000'000; }

Error EngineError(std::string message, std::string reason) {
  Error error = Unavailable(ErrorSource::kEngine, std::move(message));
  error.reason = std::move(reason);
  return error;
}

}  // namespace

std::string_view ToString(ModelState state) {
  switch (state) {
    case ModelState::kAbsent:
      return "absent";
    case ModelState::kStarting:
      return "starting";
    case ModelState::kReady:
      return "ready";
    case ModelState::kBackingOff:
      return "backing_off";
    case ModelState::kStopping:
      return "stopping";
  }
  return "absent";
}

Supervisor::Supervisor(std::string model, const SupervisorLimits& limits)
    : model_(std::move(model)), limits_(limits), keep_alive_nanos_(limits.keep_alive_nanos) {}

// --- those who want to use the model ---

Actions Supervisor::Acquire(std::int64_t now, WaiterId waiter) {
  if (draining_) {
    return {
        {Kind::kRefuse, waiter, EngineError("the gateway is shutting down", "engine_stopping")}};
  }
  if (state_ == ModelState::kReady && waiters_.empty() && users_ < limits_.slots) {
    ++users_;
    wake_at_.reset();
    return {{Kind::kGrant, waiter}};
  }
  if (state_ == ModelState::kBackingOff && *wake_at_ - now > limits_.patience_nanos) {
    Error error = last_error_;
    error.retry_after_s = SecondsUp(*wake_at_ - now);
    return {{Kind::kRefuse, waiter, std::move(error)}};
  }
  if (waiters_.size() >= limits_.queue_max) {
    Error error =
        EngineError(std::to_string(waiters_.size()) + " requests already wait for local model \"" +
                        model_ + "\"; try again later",
                    "engine_queue_full");
    error.retry_after_s = kQueueFullRetryAfterS;
    return {{Kind::kRefuse, waiter, std::move(error)}};
  }
  waiters_.push_back(waiter);
  Actions actions;
  if (state_ == ModelState::kAbsent) Spawn(now, actions);
  return actions;
}

void Supervisor::Abandon(WaiterId waiter) {
  const auto at = std::find(waiters_.begin(), waiters_.end(), waiter);
  if (at != waiters_.end()) waiters_.erase(at);
}

Actions Supervisor::Release(std::int64_t now, std::uint64_t run) {
  Actions actions;
  if (run != run_ || users_ == 0) return actions;  // of a process that crashed with its users
  --users_;
  if (state_ == ModelState::kReady) GrantWaiting(now, actions);
  return actions;
}

void Supervisor::GrantWaiting(std::int64_t now, Actions& actions) {
  while (users_ < limits_.slots && !waiters_.empty()) {
    ++users_;
    actions.push_back({Kind::kGrant, waiters_.front()});
    waiters_.pop_front();
  }
  WaitIdle(now);
}

// REQUIRES: it serves.
void Supervisor::WaitIdle(std::int64_t now) {
  wake_at_.reset();
  if (users_ > 0 || keep_alive_nanos_ < 0) return;
  const bool ever = keep_alive_nanos_ <= std::numeric_limits<std::int64_t>::max() - now;
  if (ever) wake_at_ = now + keep_alive_nanos_;
}

void Supervisor::KeepAlive(std::int64_t now, std::int64_t nanos) {
  keep_alive_nanos_ = nanos;
  if (state_ == ModelState::kReady) WaitIdle(now);
}

void Supervisor::RefuseAll(const Error& error, Actions& actions) {
  for (const WaiterId waiter : waiters_) actions.push_back({Kind::kRefuse, waiter, error});
  waiters_.clear();
}

// --- the process ---

void Supervisor::Spawn(std::int64_t now, Actions& actions) {
  state_ = ModelState::kStarting;
  ++run_;
  keep_alive_nanos_ = limits_.keep_alive_nanos;
  start_began_ = now;
  wake_at_.reset();  // the driver answers in bounded time
  actions.push_back({Kind::kSpawn});
}

// In proportion to the time that has passed: whoever waits loses at most an eighth to our not
// looking.
std::int64_t Supervisor::NextProbe(std::int64_t now) const {
  const std::int64_t pause =
      std::clamp((now - start_began_) / 8, limits_.probe_min_nanos, limits_.probe_max_nanos);
  return std::min(now + pause, start_began_ + limits_.start_nanos);
}

void Supervisor::Terminate(std::int64_t now, Actions& actions) {
  state_ = ModelState::kStopping;
  wake_at_.reset();
  if (!alive_) return;  // as soon as it is
  actions.push_back({Kind::kTerminate});
  wake_at_ = now + limits_.term_nanos;
}

Actions Supervisor::OnSpawned(std::int64_t now, std::uint64_t run) {
  Actions actions;
  if (run != run_) return actions;
  alive_ = true;
  if (state_ == ModelState::kStopping) {
    Terminate(now, actions);
  } else {
    wake_at_ = NextProbe(now);
  }
  return actions;
}

Actions Supervisor::OnSpawnFailed(std::int64_t now, std::uint64_t run, Error why) {
  return OnExited(now, run, std::move(why));
}

Actions Supervisor::OnProbe(std::int64_t now, std::uint64_t run, bool serves) {
  Actions actions;
  if (run != run_ || state_ != ModelState::kStarting || !alive_) return actions;
  if (!serves) {
    wake_at_ = NextProbe(now);
    return actions;
  }
  state_ = ModelState::kReady;
  ready_at_ = now;
  last_start_nanos_ = now - start_began_;
  GrantWaiting(now, actions);
  return actions;
}

Actions Supervisor::OnExited(std::int64_t now, std::uint64_t run, Error why) {
  Actions actions;
  const bool known = state_ == ModelState::kStarting || state_ == ModelState::kReady ||
                     state_ == ModelState::kStopping;
  if (run != run_ || !known) return actions;
  alive_ = false;
  users_ = 0;
  if (state_ == ModelState::kReady) {
    Crash(now, std::move(why), actions);
  } else if (state_ == ModelState::kStarting) {
    Fail(now, std::move(why), actions);
  } else if (stop_error_ && !draining_) {
    Fail(now, *std::exchange(stop_error_, std::nullopt), actions);
  } else {
    NoteHealth(now);
    state_ = ModelState::kAbsent;
    wake_at_.reset();
    if (!waiters_.empty()) Spawn(now, actions);
  }
  return actions;
}

Actions Supervisor::OnTimer(std::int64_t now) {
  Actions actions;
  if (!wake_at_ || now < *wake_at_) return actions;
  wake_at_.reset();
  switch (state_) {
    case ModelState::kStarting:
      if (now >= start_began_ + limits_.start_nanos) {
        stop_error_ = StartLimitError();
        state_ = ModelState::kStopping;
        actions.push_back({Kind::kKill});
      } else {
        wake_at_ = start_began_ + limits_.start_nanos;
        actions.push_back({Kind::kProbe});
      }
      break;
    case ModelState::kReady:
      Terminate(now, actions);
      break;
    case ModelState::kStopping:
      actions.push_back({Kind::kKill});
      break;
    case ModelState::kBackingOff:
      state_ = ModelState::kAbsent;
      // What had served would still be loaded; what never started waits for somebody to want it.
      if (served_ || !waiters_.empty()) Spawn(now, actions);
      break;
    case ModelState::kAbsent:
      break;
  }
  return actions;
}

Actions Supervisor::Stop(std::int64_t now) {
  Actions actions;
  draining_ = true;
  RefuseAll(EngineError("the gateway is shutting down", "engine_stopping"), actions);
  if (state_ == ModelState::kStarting || state_ == ModelState::kReady) {
    Terminate(now, actions);
  } else if (state_ == ModelState::kBackingOff) {
    state_ = ModelState::kAbsent;
    wake_at_.reset();
  }
  return actions;
}

// --- failures ---

void Supervisor::NoteHealth(std::int64_t now) {
  if (ready_at_ >= start_began_ && now - ready_at_ >= limits_.health_nanos) failures_ = 0;
}

// Enters the back-off and says how long it is.
std::int64_t Supervisor::BackOff(std::int64_t now, Error error) {
  state_ = ModelState::kBackingOff;
  std::int64_t delay = limits_.back_off_first_nanos;
  for (int i = 0; i < failures_ && delay < limits_.back_off_max_nanos; ++i) delay *= 2;
  delay = std::min(delay, limits_.back_off_max_nanos);
  ++failures_;
  wake_at_ = now + delay;
  last_error_ = std::move(error);
  last_error_.retry_after_s = SecondsUp(delay);
  return delay;
}

void Supervisor::Fail(std::int64_t now, Error error, Actions& actions) {
  served_ = false;
  BackOff(now, std::move(error));
  RefuseAll(last_error_, actions);
}

void Supervisor::Crash(std::int64_t now, Error error, Actions& actions) {
  NoteHealth(now);
  served_ = true;
  if (BackOff(now, std::move(error)) > limits_.patience_nanos) RefuseAll(last_error_, actions);
}

Error Supervisor::StartLimitError() const {
  return EngineError("local model \"" + model_ + "\" was not ready within " +
                         std::to_string(SecondsUp(limits_.start_nanos)) +
                         " s and was stopped; a smaller model or a longer start limit helps",
                     "engine_failed");
}

ModelStatus Supervisor::Status(std::int64_t now) const {
  ModelStatus status;
  status.model = model_;
  status.state = state_;
  status.users = users_;
  status.slots = limits_.slots;
  status.queue_depth = waiters_.size();
  status.failures = failures_;
  status.last_error = last_error_.message;
  if (state_ == ModelState::kBackingOff) {
    status.retry_in_nanos = std::max<std::int64_t>(0, *wake_at_ - now);
  }
  status.last_start_nanos = last_start_nanos_;
  if (state_ == ModelState::kReady && keep_alive_nanos_ >= 0) {
    status.idle_stop_in_nanos =
        wake_at_ ? std::max<std::int64_t>(0, *wake_at_ - now) : keep_alive_nanos_;
  }
  return status;
}

}  // namespace tidegate::engine
