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
    case ModelState::kWaiting:
      return "waiting";
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
    : model_(std::move(model)),
      limits_(limits),
      waiters_(limits.queue_max),
      slots_(limits.slots),
      slots_next_(limits.slots),
      keep_alive_nanos_(limits.keep_alive_nanos) {}

// --- those who want to use the model ---

Actions Supervisor::Acquire(std::int64_t now, WaiterId waiter, const Claim& claim) {
  Actions actions;
  if (closed_) {
    actions.push_back({Kind::kRefuse, waiter, *closed_});
    return actions;
  }
  if (Grants() && waiters_.empty() && users_ < slots_) {
    wake_at_.reset();
    Grant(now, waiter, actions);
    return actions;
  }
  if (state_ == ModelState::kBackingOff && *wake_at_ - now > limits_.patience_nanos) {
    Error error = last_error_;
    error.retry_after_s = SecondsUp(*wake_at_ - now);
    actions.push_back({Kind::kRefuse, waiter, std::move(error)});
    return actions;
  }
  const WaitQueue::Pushed pushed = waiters_.Push(waiter, claim, now);
  if (!pushed.queued) actions.push_back({Kind::kRefuse, waiter, QueueFullError()});
  if (pushed.displaced) actions.push_back({Kind::kRefuse, *pushed.displaced, QueueFullError()});
  if (state_ == ModelState::kAbsent && !waiters_.empty()) Want();
  return actions;
}

void Supervisor::Abandon(WaiterId waiter) {
  if (!waiters_.Erase(waiter)) return;
  if (state_ == ModelState::kWaiting && waiters_.empty() && !unasked_) state_ = ModelState::kAbsent;
}

Actions Supervisor::Release(std::int64_t now, std::uint64_t run, std::int64_t held_nanos) {
  Actions actions;
  if (run != run_ || users_ == 0) return actions;  // of a process that crashed with its users
  --users_;
  NoteService(held_nanos);
  if (Grants()) {
    GrantWaiting(now, actions);
  } else if (yielding_) {
    DrainOrTerminate(now, actions);
  }
  return actions;
}

void Supervisor::NoteService(std::int64_t held_nanos) {
  if (held_nanos <= 0) return;
  service_nanos_ = service_nanos_ == 0
                       ? held_nanos
                       : service_nanos_ + (held_nanos - service_nanos_) / kServiceSmoothing;
  service_nanos_ = std::max<std::int64_t>(service_nanos_, 1);
}

bool Supervisor::Grants() const {
  return state_ == ModelState::kReady && !yielding_ && !hung_error_;
}

void Supervisor::Grant(std::int64_t now, WaiterId waiter, Actions& actions) {
  if (limits_.check_nanos > 0 && !check_at_ && !checking_) check_at_ = now + limits_.check_nanos;
  ++users_;
  ++grants_;
  actions.push_back({Kind::kGrant, waiter});
}

void Supervisor::GrantWaiting(std::int64_t now, Actions& actions) {
  while (users_ < slots_ && !waiters_.empty()) Grant(now, waiters_.Pop(), actions);
  WaitIdle(now);
}

// REQUIRES: it serves.
void Supervisor::WaitIdle(std::int64_t now) {
  wake_at_.reset();
  if (users_ > 0 || keep_alive_nanos_ < 0 || pinned_) return;
  const bool ever = keep_alive_nanos_ <= std::numeric_limits<std::int64_t>::max() - now;
  if (ever) wake_at_ = now + keep_alive_nanos_;
}

void Supervisor::KeepAlive(std::int64_t now, std::int64_t nanos) {
  keep_alive_nanos_ = nanos;
  if (Grants()) WaitIdle(now);
}

void Supervisor::Pin(std::int64_t now, bool pinned) {
  pinned_ = pinned;
  if (Grants()) WaitIdle(now);
  // Nobody wants it any more.
  if (!pinned && state_ == ModelState::kWaiting && waiters_.empty()) {
    unasked_ = false;
    state_ = ModelState::kAbsent;
  }
}

void Supervisor::RefuseAll(const Error& error, Actions& actions) {
  for (const WaiterId waiter : waiters_.PopAll()) {
    actions.push_back({Kind::kRefuse, waiter, error});
  }
}

// --- room for the process ---

void Supervisor::Want() {
  state_ = ModelState::kWaiting;
  wake_at_.reset();
}

void Supervisor::Preload() {
  if (closed_) return;
  if (state_ == ModelState::kAbsent) {
    unasked_ = true;
    Want();
  } else if (state_ == ModelState::kStopping) {
    unasked_ = true;
  }
}

Actions Supervisor::OnRoom(std::int64_t now) {
  Actions actions;
  if (state_ == ModelState::kWaiting) Spawn(now, actions);
  return actions;
}

Actions Supervisor::OnNoRoom(std::int64_t, Error why) {
  Actions actions;
  if (state_ != ModelState::kWaiting) return actions;
  RefuseAll(why, actions);
  last_error_ = std::move(why);
  unasked_ = false;
  state_ = ModelState::kAbsent;
  return actions;
}

Actions Supervisor::OnWaitOver(std::int64_t since, const Error& why) {
  Actions actions;
  if (state_ != ModelState::kWaiting && !yielding_) return actions;
  for (const WaiterId waiter : waiters_.PopUntil(since)) {
    actions.push_back({Kind::kRefuse, waiter, why});
    ++counts_.waits_over;
  }
  if (state_ == ModelState::kWaiting) unasked_ = true;
  return actions;
}

Actions Supervisor::Yield(std::int64_t now) {
  Actions actions;
  if (!Grants()) return actions;
  yielding_ = true;
  DrainOrTerminate(now, actions);
  return actions;
}

Actions Supervisor::Resume(std::int64_t now) {
  Actions actions;
  if (state_ != ModelState::kReady || !yielding_ || unloading_) return actions;
  yielding_ = false;
  GrantWaiting(now, actions);
  return actions;
}

// REQUIRES: it serves, and yields.
void Supervisor::DrainOrTerminate(std::int64_t now, Actions& actions) {
  wake_at_.reset();
  if (users_ == 0) Terminate(now, actions);
}

Actions Supervisor::Unload(std::int64_t now) {
  Actions actions;
  unasked_ = false;
  served_ = false;
  if (state_ == ModelState::kReady) {
    yielding_ = unloading_ = true;
    DrainOrTerminate(now, actions);
  } else if (waiters_.empty() && state_ == ModelState::kStarting) {
    Terminate(now, actions);
  } else if (waiters_.empty() && state_ == ModelState::kWaiting) {
    state_ = ModelState::kAbsent;
  }
  return actions;
}

Actions Supervisor::Replace(std::int64_t now) {
  Actions actions;
  if (state_ == ModelState::kReady) {
    unasked_ = pinned_;
    yielding_ = unloading_ = true;
    DrainOrTerminate(now, actions);
  } else if (state_ == ModelState::kStarting) {
    unasked_ = pinned_ || unasked_;
    Terminate(now, actions);
  }
  return actions;
}

Actions Supervisor::Renew(std::int64_t now) {
  Actions actions = Replace(now);
  if (state_ == ModelState::kBackingOff) {
    state_ = ModelState::kAbsent;
    wake_at_.reset();
    if (served_ || pinned_ || !waiters_.empty()) {
      unasked_ = served_ || pinned_;
      Want();
    }
  }
  failures_ = 0;
  last_error_ = {};
  last_start_nanos_ = 0;
  return actions;
}

// --- the process ---

void Supervisor::Spawn(std::int64_t now, Actions& actions) {
  state_ = ModelState::kStarting;
  slots_ = slots_next_;
  ++run_;
  ForgetChecks();
  ++counts_.starts;
  keep_alive_nanos_ = limits_.keep_alive_nanos;
  start_began_ = now;
  unasked_ = false;
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
  if (yielding_ && !unloading_) ++counts_.evictions;
  state_ = ModelState::kStopping;
  ForgetChecks();
  yielding_ = unloading_ = false;
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
  ++counts_.loads;
  counts_.load_nanos += last_start_nanos_;
  GrantWaiting(now, actions);
  return actions;
}

// --- whether it still answers ---

void Supervisor::ForgetChecks() {
  check_at_.reset();
  checking_ = false;
  misses_ = 0;
  hung_error_.reset();
}

void Supervisor::Check(std::int64_t now, Actions& actions) {
  check_at_.reset();  // the driver answers in bounded time
  check_began_ = now;
  checking_ = true;
  actions.push_back({Kind::kCheck});
}

Actions Supervisor::OnCheck(std::int64_t now, std::uint64_t run, bool answers) {
  Actions actions;
  if (run != run_ || !checking_) return actions;
  checking_ = false;
  if (answers) {
    misses_ = 0;
    if (users_ > 0) check_at_ = now + limits_.check_nanos;
  } else if (++misses_ < limits_.check_misses_max) {
    // Not before its time was over: a refusal may come at once, and is soon over where it is full.
    check_at_ = std::max(now, check_began_ + limits_.check_timeout_nanos);
  } else {
    hung_error_ = HungError();
    actions.push_back({Kind::kKill});
  }
  return actions;
}

Error Supervisor::HungError() const {
  const std::int64_t nanos = limits_.check_timeout_nanos * limits_.check_misses_max;
  return EngineError("the process of local model \"" + model_ + "\" answered nothing for " +
                         std::to_string(SecondsUp(nanos)) +
                         " s, not even whether it lives, and was killed; if that comes back, look "
                         "at the driver of its device and at what else the machine does",
                     "engine_failed");
}

Actions Supervisor::OnUnfit(std::int64_t now, std::uint64_t run, Error why) {
  Actions actions;
  if (run != run_ || !alive_) return actions;
  if (state_ != ModelState::kStarting && state_ != ModelState::kReady) return actions;
  stop_error_ = std::move(why);
  Terminate(now, actions);
  return actions;
}

Actions Supervisor::OnExited(std::int64_t now, std::uint64_t run, Error why) {
  Actions actions;
  const bool known = state_ == ModelState::kStarting || state_ == ModelState::kReady ||
                     state_ == ModelState::kStopping;
  if (run != run_ || !known) return actions;
  alive_ = false;
  users_ = 0;
  const bool unloading = std::exchange(unloading_, false);
  yielding_ = false;
  if (hung_error_) why = *std::move(hung_error_);
  ForgetChecks();
  if (state_ == ModelState::kReady && !unloading) {
    Crash(now, std::move(why), actions);
  } else if (state_ == ModelState::kStarting) {
    Fail(now, std::move(why), actions);
  } else if (stop_error_ && !closed_) {
    Fail(now, *std::exchange(stop_error_, std::nullopt), actions);
  } else {
    stop_error_.reset();
    NoteHealth(now);
    state_ = ModelState::kAbsent;
    wake_at_.reset();
    if (!waiters_.empty() || unasked_) Want();
  }
  return actions;
}

Actions Supervisor::OnTimer(std::int64_t now) {
  Actions actions;
  if (check_at_ && now >= *check_at_) Check(now, actions);
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
      // What had served would still be loaded, and what is pinned shall be; what else never started
      // waits for somebody to want it.
      if (served_ || pinned_ || !waiters_.empty()) {
        unasked_ = served_ || pinned_;
        Want();
      }
      break;
    case ModelState::kAbsent:
    case ModelState::kWaiting:
      break;
  }
  return actions;
}

Actions Supervisor::Stop(std::int64_t now) {
  Actions actions = Close(now, EngineError("the gateway is shutting down", "engine_stopping"));
  if (state_ == ModelState::kReady) Terminate(now, actions);
  return actions;
}

Actions Supervisor::Retire(std::int64_t now, Error why) {
  Actions actions = Close(now, std::move(why));
  if (state_ == ModelState::kReady) {
    yielding_ = unloading_ = true;
    DrainOrTerminate(now, actions);
  }
  return actions;
}

// Whatever serves goes on.
Actions Supervisor::Close(std::int64_t now, Error why) {
  Actions actions;
  closed_ = std::move(why);
  unasked_ = false;
  RefuseAll(*closed_, actions);
  if (state_ == ModelState::kStarting) {
    Terminate(now, actions);
  } else if (state_ == ModelState::kBackingOff || state_ == ModelState::kWaiting) {
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
  ++counts_.failed_starts;
  BackOff(now, std::move(error));
  RefuseAll(last_error_, actions);
}

void Supervisor::Crash(std::int64_t now, Error error, Actions& actions) {
  NoteHealth(now);
  served_ = true;
  ++counts_.crashes;
  if (BackOff(now, std::move(error)) > limits_.patience_nanos) RefuseAll(last_error_, actions);
}

Error Supervisor::QueueFullError() const {
  Error error =
      EngineError(std::to_string(waiters_.size()) + " requests already wait for local model \"" +
                      model_ + "\"; try again later",
                  "engine_queue_full");
  // Until those who wait now have been served.
  const auto rounds = static_cast<std::int64_t>(waiters_.size()) / Slots() + 1;
  error.retry_after_s = std::clamp<std::int64_t>(
      SecondsUp(ServiceNanos()) > kRetryAfterSMax / rounds ? kRetryAfterSMax
                                                           : SecondsUp(ServiceNanos() * rounds),
      1, kRetryAfterSMax);
  return error;
}

std::int64_t Supervisor::LoadNanos() const {
  return last_start_nanos_ > 0 ? last_start_nanos_ : load_nanos_prior_;
}

// For one who comes now, behind everybody. A start serves the first `slots` of the queue at once;
// after that a slot becomes free every service time / slots.
std::int64_t Supervisor::ExpectedWait(std::int64_t now) const {
  if (Grants() && waiters_.empty() && users_ < slots_) return 0;
  const auto queued = static_cast<std::int64_t>(waiters_.size());
  const int slots = Slots();
  if (Grants()) return ServiceNanos() * (queued + 1) / slots;
  const std::int64_t after_start =
      ServiceNanos() * std::max<std::int64_t>(0, queued + 1 - slots) / slots;
  switch (state_) {
    case ModelState::kStarting:
      return std::max<std::int64_t>(0, LoadNanos() - (now - start_began_)) + after_start;
    case ModelState::kBackingOff:
      return std::max<std::int64_t>(0, *wake_at_ - now) + LoadNanos() + after_start;
    case ModelState::kReady:  // yields
      return (users_ > 0 ? ServiceNanos() : 0) + LoadNanos() + after_start;
    case ModelState::kAbsent:
    case ModelState::kWaiting:
    case ModelState::kStopping:
      break;
  }
  return LoadNanos() + after_start;
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
  status.slots = Slots();
  status.queue_depth = waiters_.size();
  if (!waiters_.empty()) status.oldest_wait_nanos = now - waiters_.oldest();
  status.expected_wait_nanos = ExpectedWait(now);
  status.load_nanos = LoadNanos();
  status.draining = yielding_;
  status.pinned = pinned_;
  status.failures = failures_;
  status.last_error = last_error_.message;
  if (state_ == ModelState::kBackingOff) {
    status.retry_in_nanos = std::max<std::int64_t>(0, *wake_at_ - now);
  }
  status.last_start_nanos = last_start_nanos_;
  status.counts = counts_;
  if (state_ == ModelState::kReady && keep_alive_nanos_ >= 0 && !pinned_) {
    status.idle_stop_in_nanos =
        wake_at_ ? std::max<std::int64_t>(0, *wake_at_ - now) : keep_alive_nanos_;
  }
  return status;
}

}  // namespace tidegate::engine
