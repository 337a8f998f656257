// When to start, probe, restart and stop the process of one model, and who may use it: all
// decisions, no I/O.
//
// The driver (runner.h) tells what happened and when; each call answers with what to do. Time is a
// parameter, so every order of events is a plain test.
//
//             Acquire                 probe ok                    idle for keep_alive
//   absent ------------> starting -----------------> ready ------------------------------> stopping
//   -> absent
//                           |  exit, start limit       | exit
//                           +--------> backing off <---+          absent or starting again when the
//                           back-off is over
//
// A start that fails refuses everybody who waits, with the reason: trying again would most likely
// fail again. A crash of a process that had served takes its own users with it and nobody else:
// those who wait stay in the queue for the restart, unless the back-off has grown beyond patience.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
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
};

inline constexpr std::int64_t kQueueFullRetryAfterS = 2;

using WaiterId = std::uint64_t;

struct Action {
  enum class Kind : std::uint8_t {
    kSpawn,      // start the process of run(); answer with OnSpawned or OnSpawnFailed
    kProbe,      // ask whether it serves; answer with OnProbe
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

  Actions Acquire(std::int64_t now, WaiterId waiter);
  void Abandon(WaiterId waiter);  // it no longer waits; no-op when it was answered
  // Idle time before the present process is stopped, instead of that in the limits; negative =
  // never, 0 = as soon as nobody uses it. The next process begins with that in the limits.
  void KeepAlive(std::int64_t now, std::int64_t nanos);
  Actions Release(std::int64_t now, std::uint64_t run);

  Actions OnSpawned(std::int64_t now, std::uint64_t run);
  Actions OnSpawnFailed(std::int64_t now, std::uint64_t run, Error why);
  Actions OnProbe(std::int64_t now, std::uint64_t run, bool serves);
  // `why`: what the process did and said last.
  Actions OnExited(std::int64_t now, std::uint64_t run, Error why);
  Actions OnTimer(std::int64_t now);
  // For ever: refuses everybody and ends the process.
  Actions Stop(std::int64_t now);

  std::optional<std::int64_t> wake_at() const { return wake_at_; }
  std::uint64_t run() const { return run_; }  // number of the present or latest process, from 1
  bool stopped() const { return draining_ && state_ == ModelState::kAbsent; }
  // Everything but the process's own figures.
  ModelStatus Status(std::int64_t now) const;

 private:
  void Spawn(std::int64_t now, Actions& actions);
  std::int64_t NextProbe(std::int64_t now) const;
  void Terminate(std::int64_t now, Actions& actions);
  void Fail(std::int64_t now, Error error, Actions& actions);
  void Crash(std::int64_t now, Error error, Actions& actions);
  std::int64_t BackOff(std::int64_t now, Error error);
  void GrantWaiting(std::int64_t now, Actions& actions);
  void WaitIdle(std::int64_t now);
  void RefuseAll(const Error& error, Actions& actions);
  void NoteHealth(std::int64_t now);
  Error StartLimitError() const;

  const std::string model_;
  const SupervisorLimits limits_;
  ModelState state_ = ModelState::kAbsent;
  std::uint64_t run_ = 0;
  std::deque<WaiterId> waiters_;
  int users_ = 0;
  std::int64_t keep_alive_nanos_;  // of the present process
  bool draining_ = false;
  bool alive_ = false;  // there is a process: OnSpawned came, OnExited did not
  // The failure that we back off from was a crash of a process that had served.
  bool served_ = false;
  std::optional<std::int64_t> wake_at_;
  std::int64_t start_began_ = 0, ready_at_ = -1, last_start_nanos_ = 0;
  int failures_ = 0;
  std::optional<Error> stop_error_;  // while stopping because it did not start in time
  Error last_error_;
};

}  // namespace tidegate::engine
