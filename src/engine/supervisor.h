// When to start, probe, restart and stop the process of one model, and who may use it: all
// decisions, no I/O.
//
// The driver (runner.h) tells what happened and when; each call answers with what to do. Time is a
// parameter, so every order of events is a plain test.
//
//           Acquire           room                probe ok                 idle for keep_alive
//   absent --------> waiting -------> starting ----------------> ready ------------------> stopping
//   -> absent
//                                     |  exit, start limit       | exit
//                                     +--------> backing off <---+
//                              absent or waiting again when the back-off is over
//
// Whether there is room is not decided here: a supervisor that is kWaiting is told (OnRoom,
// OnNoRoom), and one that serves may be asked to make room (Yield): it then gives no new leases and
// ends its process after those that are out. See residency.h.
//
// A start that fails refuses everybody who waits, with the reason: trying again would most likely
// fail again. A crash of a process that had served takes its own users with it and nobody else:
// those who wait stay in the queue for the restart, unless the back-off has grown beyond patience.
//
// A process may compute for minutes without a byte, but it says meanwhile that it lives. While it
// is used it is asked at times; one that says nothing several times in a row is killed, which
// counts as a crash. A use is followed by one good answer at most, so that nothing is asked of a
// process that is idle.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/queue.h"
#include "engine/status.h"

namespace tidegate::engine {

struct SupervisorLimits {
  int slots = 4;                               // leases at once
  std::size_t queue_max = 64;                  // requests that wait beyond them
  std::int64_t start_nanos = 300'000'000'000;  // from start to the first good probe
  // Idle time before it is stopped; negative = never.
  std::int64_t keep_alive_nanos = 300'000'000'000;
  std::int64_t term_nanos = 5'000'000'000;          // SIGTERM to SIGKILL
  std::int64_t back_off_first_nanos = 500'000'000;  // after the first failure, then doubled
  std::int64_t back_off_max_nanos = 30'000'000'000;
  std::int64_t health_nanos = 60'000'000'000;   // of service that clears the count of failures
  std::int64_t patience_nanos = 2'000'000'000;  // the longest back-off that a request waits through
  // Between probes, growing with the time that has passed.
  std::int64_t probe_min_nanos = 5'000'000;
  std::int64_t probe_max_nanos = 100'000'000;
  // While it is used: after how long it is asked whether it still answers, how long that may take,
  // and after how many questions in a row without an answer it is killed. Never with 0.
  std::int64_t check_nanos = 15'000'000'000;
  std::int64_t check_timeout_nanos = 10'000'000'000;
  int check_misses_max = 3;
};

// How long a request holds its lease, until that was observed, and what each observation weighs.
inline constexpr std::int64_t kServiceNanosPrior = 2'000'000'000;
inline constexpr std::int64_t kServiceSmoothing = 8;
inline constexpr std::int64_t kRetryAfterSMax = 300;
inline constexpr std::int64_t kLoadNanosPrior = 1'000'000'000;

struct Action {
  enum class Kind : std::uint8_t {
    kSpawn,      // start the process of run(); answer with OnSpawned or OnSpawnFailed
    kProbe,      // ask whether it serves; answer with OnProbe
    kCheck,      // ask whether it still answers at all; answer with OnCheck
    kTerminate,  // SIGTERM
    kKill,       // SIGKILL
    kGrant,      // `waiter` has a lease of run(); answer with Release when it ends
    kRefuse,     // `waiter` gets `error`
  };
  Kind kind;
  WaiterId waiter = 0;
  Error error = {};
};
using Actions = std::vector<Action>;

// Not thread-safe. `now` is monotonic and in nanoseconds. A `run` that is not the present one is
// news of a process that is gone, and ignored. After every call the driver sets its one timer to
// wake_at().
class Supervisor {
 public:
  Supervisor(std::string model, const SupervisorLimits& limits);

  Actions Acquire(std::int64_t now, WaiterId waiter, const Claim& claim = {});
  void Abandon(WaiterId waiter);  // it no longer waits; no-op when it was answered
  // A lease ended that was out for `held_nanos`.
  Actions Release(std::int64_t now, std::uint64_t run, std::int64_t held_nanos);
  // Idle time before the present process is stopped, instead of that in the limits; negative =
  // never, 0 = as soon as nobody uses it. The next process begins with that in the limits.
  void KeepAlive(std::int64_t now, std::int64_t nanos);
  // Pinned: never stopped for being idle, and started again after every failure.
  void Pin(std::int64_t now, bool pinned);
  // Starts it though nobody asks, and at the next occasion when it is on its way out.
  void Preload();
  // Ends the process when its users have ended, and starts it again only for those who wait or
  // come.
  Actions Unload(std::int64_t now);
  // The model's file is another now: nobody who comes gets the present process, and what went wrong
  // with the old one counts no more.
  Actions Renew(std::int64_t now);
  // Its next process is to be another: nobody who comes gets the present one, which ends after its
  // users. One that failed goes on waiting.
  Actions Replace(std::int64_t now);
  // Leases at once of the next process.
  void SetSlots(int slots) { slots_next_ = slots; }
  // How long loading takes until it was observed.
  void SetLoadPrior(std::int64_t nanos) { load_nanos_prior_ = nanos; }

  Actions OnRoom(std::int64_t now);               // while kWaiting: memory is set aside for it
  Actions OnNoRoom(std::int64_t now, Error why);  // while kWaiting: refuses everybody
  // While kWaiting, or while it gives no new leases: refuses those that came then or before. It
  // goes on waiting for its room, for those that come again.
  Actions OnWaitOver(std::int64_t since, const Error& why);
  Actions Yield(std::int64_t now);   // while kReady: makes room, after the leases that are out
  Actions Resume(std::int64_t now);  // takes Yield back, unless its process is ending already

  Actions OnSpawned(std::int64_t now, std::uint64_t run);
  Actions OnSpawnFailed(std::int64_t now, std::uint64_t run, Error why);
  Actions OnProbe(std::int64_t now, std::uint64_t run, bool serves);
  Actions OnCheck(std::int64_t now, std::uint64_t run, bool answers);
  // The process runs, but not as it has to: ends it, as a start that failed.
  Actions OnUnfit(std::int64_t now, std::uint64_t run, Error why);
  // `why`: what the process did and said last.
  Actions OnExited(std::int64_t now, std::uint64_t run, Error why);
  Actions OnTimer(std::int64_t now);
  // For ever: refuses everybody and ends the process.
  Actions Stop(std::int64_t now);
  // The model is gone: refuses those who wait and come with `why`, and ends the process when its
  // users have ended. Reopen takes it back.
  Actions Retire(std::int64_t now, Error why);
  void Reopen() { closed_.reset(); }

  std::optional<std::int64_t> wake_at() const {
    return wake_at_ && check_at_ ? std::min(wake_at_, check_at_) : wake_at_ ? wake_at_ : check_at_;
  }
  std::uint64_t run() const { return run_; }  // number of the present or latest process, from 1
  // After Stop or Retire: nothing is left of it.
  bool stopped() const { return closed_ && state_ == ModelState::kAbsent; }
  // It is ending, or will after its users whatever others need.
  bool leaving() const { return state_ == ModelState::kStopping || (yielding_ && unloading_); }
  // There is no process, and nobody waits for one.
  bool forgotten() const {
    return (state_ == ModelState::kAbsent || state_ == ModelState::kBackingOff) && waiters_.empty();
  }
  bool pinned() const { return pinned_; }
  // When the request came that has waited longest; 0 = nobody waits.
  std::int64_t waiting_since() const { return waiters_.empty() ? 0 : waiters_.oldest(); }
  std::uint64_t grants() const { return grants_; }       // leases ever given
  bool hung() const { return hung_error_.has_value(); }  // it is being killed for not answering
  // Everything but the process's own figures.
  ModelStatus Status(std::int64_t now) const;

 private:
  void Want();
  Actions Close(std::int64_t now, Error why);
  void Spawn(std::int64_t now, Actions& actions);
  std::int64_t NextProbe(std::int64_t now) const;
  void Terminate(std::int64_t now, Actions& actions);
  void Fail(std::int64_t now, Error error, Actions& actions);
  void Crash(std::int64_t now, Error error, Actions& actions);
  std::int64_t BackOff(std::int64_t now, Error error);
  void NoteHealth(std::int64_t now);
  void NoteService(std::int64_t held_nanos);
  bool Grants() const;
  void Grant(std::int64_t now, WaiterId waiter, Actions& actions);
  void Check(std::int64_t now, Actions& actions);
  void ForgetChecks();
  Error HungError() const;
  void GrantWaiting(std::int64_t now, Actions& actions);
  void DrainOrTerminate(std::int64_t now, Actions& actions);
  void WaitIdle(std::int64_t now);
  void RefuseAll(const Error& error, Actions& actions);
  std::int64_t LoadNanos() const;
  std::int64_t ServiceNanos() const {
    return service_nanos_ > 0 ? service_nanos_ : kServiceNanosPrior;
  }
  std::int64_t ExpectedWait(std::int64_t now) const;
  // Of the process that whoever comes now would get.
  int Slots() const {
    const bool present = state_ == ModelState::kStarting || state_ == ModelState::kReady;
    return present && !unloading_ ? slots_ : slots_next_;
  }
  Error QueueFullError() const;
  Error StartLimitError() const;

  const std::string model_;
  const SupervisorLimits limits_;
  ModelState state_ = ModelState::kAbsent;
  std::uint64_t run_ = 0;
  WaitQueue waiters_;
  int users_ = 0;
  int slots_ = 0, slots_next_ = 0;  // of the present process, and of the next
  std::uint64_t grants_ = 0;
  std::int64_t keep_alive_nanos_;  // of the present process
  std::optional<Error> closed_;    // what everybody gets who asks
  bool pinned_ = false;
  bool unasked_ = false;    // shall start though nobody waits
  bool yielding_ = false;   // while kReady: no new leases
  bool unloading_ = false;  // while yielding_: for good, Resume does not take it back
  bool alive_ = false;      // there is a process: OnSpawned came, OnExited did not
  // The failure that we back off from was a crash of a process that had served.
  bool served_ = false;
  std::optional<std::int64_t> wake_at_;
  std::optional<std::int64_t> check_at_;  // the next check; none while one is under way
  std::int64_t check_began_ = 0;
  bool checking_ = false;
  int misses_ = 0;                   // checks in a row without an answer
  std::optional<Error> hung_error_;  // while kReady: it is being killed for that
  std::int64_t start_began_ = 0, ready_at_ = -1, last_start_nanos_ = 0;
  std::int64_t load_nanos_prior_ = kLoadNanosPrior;
  std::int64_t service_nanos_ = 0;  // mean of the leases, the latest counting most; 0 = none yet
  int failures_ = 0;
  ModelCounts counts_;
  std::optional<Error> stop_error_;  // while stopping because it did not start as it has to
  Error last_error_;
};

}  // namespace tidegate::engine
