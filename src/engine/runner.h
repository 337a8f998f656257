// Carries out what the Supervisor of one model decides: starts the child, asks whether it serves,
// reads what it prints, notices its end, hands out leases.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/result.h"
#include "engine/child_sandbox.h"
#include "engine/fit.h"
#include "engine/lease.h"
#include "engine/locator.h"
#include "engine/runtime_folder.h"
#include "engine/scheduler.h"
#include "engine/slot_keeper.h"
#include "engine/supervisor.h"
#include "models/blobs.h"
#include "models/local_models.h"
#include "net/async.h"
#include "net/client.h"
#include "net/shard.h"
#include "process/child.h"
#include "process/output_tail.h"
#include "process/spawn_thread.h"

namespace tidegate::engine {

inline constexpr std::size_t kChildOutputBytesKept = 64 * 1024;
inline constexpr std::int64_t kProbeTimeoutNanos = 1'000'000'000;
inline constexpr std::size_t kEndWatchersMax = 1'024;  // of one process

// What the runners of one engine share. Leases keep it alive too, beyond the shard perhaps, but use
// no more of it than `stopped` by then.
struct RunnerContext {
  net::Shard& shard;
  SupervisorLimits limits;                          // of each model, but for:
  std::map<std::string, std::int64_t> keep_alives;  // see EngineOptions
  std::function<std::uint64_t(const models::LocalModel& model)> memory_of;  // see EngineOptions
  ChildProtection protection;
  std::function<bool()> before_start;  // see EngineOptions
  Locator locator;
  RuntimeFolder folder;
  std::shared_ptr<Scheduler> scheduler;
  std::shared_ptr<SlotKeeper> slots;              // null: no conversation outlives its process
  std::unique_ptr<net::HttpClient> client;        // used and destroyed on the shard
  std::unique_ptr<process::SpawnThread> spawner;  // destroyed by Engine::Stop
  std::atomic<bool> stopped = false;  // the shard may be gone: nothing is posted to it any more

  SupervisorLimits LimitsOf(const std::string& model) const {
    SupervisorLimits own = limits;
    if (const auto at = keep_alives.find(model); at != keep_alives.end()) {
      own.keep_alive_nanos = at->second;
    }
    return own;
  }
  MemoryAmount BytesOf(const models::LocalModel& model, const ModelFit& fit) const {
    return memory_of ? MemoryAmount(memory_of(model)) : fit.bytes;
  }
};

// On the shard's thread only, unless said otherwise.
class Runner : public Resident, public std::enable_shared_from_this<Runner> {
 public:
  using Granted = std::function<void(Result<Lease>)>;

  using FitterPtr = std::shared_ptr<const ModelFitter>;  // shared with starts under way

  Runner(std::shared_ptr<RunnerContext> context, FitterPtr fitter);

  // Calls `granted` once, on the shard, perhaps before it returns; not at all after Abandon.
  void Acquire(WaiterId waiter, const Claim& claim, Granted granted);
  void Abandon(WaiterId waiter);
  void KeepAlive(std::int64_t nanos);
  void Pin(bool pinned);
  void Unload();
  // Calls `ended` with how the process `run` ended: at once if it has, else when it does.
  // Whoever no longer wants to know has let go of `wanted` by then.
  void WhenEnded(std::uint64_t run, const std::shared_ptr<void>& wanted,
                 std::function<void(const ProcessEnd&)> ended);
  // An answer came of which so many tokens had been guessed, and so many of these were right.
  void NoteDrafts(std::int64_t drafted, std::int64_t accepted);
  // Ends the process after its users; the next one is as `fitter` says.
  void Renew(FitterPtr fitter);
  // The same model, perhaps in another file or fitted otherwise; takes Retire back.
  void SetModel(FitterPtr fitter);
  // Refuses everybody who waits or comes, ends the child after its users, and calls `gone` once
  // nothing of this runner is under way any more.
  void Retire(std::function<void()> gone);
  // Ends the child; calls `stopped` once nothing of this runner is under way any more.
  void Stop(std::function<void()> stopped);

  Use use() const override;
  void OnDecision(Decision decision) override;

  // Thread-safe.
  ModelStatus status() const;
  const std::string& name() const { return name_; }

 private:
  using Descriptor = net::asio::posix::basic_stream_descriptor<net::Executor>;
  struct Started {
    process::Child child;
    Secret authorization;
    models::Pin pin;
    std::shared_ptr<SlotRun> slots;
    std::string speculation, speculation_note;
  };
  using FitPtr = std::shared_ptr<const ModelFit>;

  void Apply(Actions actions);
  Result<bool> MakeWindow(std::int64_t tokens);
  void FitNext(FitPtr fit);
  void StartChild();
  // On the spawn thread. `keeps`: what it remembers may go on in the next process.
  Result<Started> Prepare(const models::LocalModel& model, const ModelFit& fit, bool keeps) const;
  void OnStarted(std::uint64_t run, Result<Started> started);
  Result<void> Watch(std::uint64_t run);
  void CloseDescriptors();
  void ReadOutput(std::uint64_t run);
  void OnChildEnd(std::uint64_t run);
  void TellEnd(std::uint64_t run, ProcessEnd end);
  void DrainOutput();
  void TakeOutput(std::string_view bytes);
  void CheckDevices(std::uint64_t run);
  Error ExitError(const process::ExitStatus& status) const;
  void Terminate();
  static net::Task<void> SaveThenTerminate(std::shared_ptr<Runner> self, std::uint64_t run);
  void Probe();
  static net::Task<void> ProbeOnce(std::shared_ptr<Runner> self, std::uint64_t run);
  void OnProbe(std::uint64_t run, bool serves);
  void Check();
  static net::Task<void> CheckOnce(std::shared_ptr<Runner> self, std::uint64_t run);
  void Grant(WaiterId waiter);
  static net::Task<void> ReadyThenAnswer(std::shared_ptr<Runner> self, WaiterId waiter, Lease lease,
                                         SlotMarks conversation);
  void NoteAnswered(std::uint64_t run, SlotMarks conversation);
  static net::Task<void> Look(std::shared_ptr<Runner> self);
  void Answer(WaiterId waiter, Result<Lease> result);
  bool IsSpared(WaiterId waiter, const Error& error) const;
  void EndTrial(std::vector<WaiterId> spared);
  void AskAgain(const std::vector<WaiterId>& spared);
  void ArmTimer();
  void Publish();
  void LogChange(const ModelStatus& now) const;
  void CheckQuiet();
  net::Origin origin() const;
  int peer_pid() const;
  SlotServer SlotServerOf();

  // Counts an operation under way for as long as it lives, so that Stop knows when all have ended.
  class Pending;

  const std::shared_ptr<RunnerContext> context_;
  const std::string name_;
  FitterPtr fitter_;
  FitPtr next_, present_;  // of the next process and of the present or latest one
  Supervisor supervisor_;
  struct Waiter {
    Claim claim;
    Granted granted;
  };
  std::map<WaiterId, Waiter> waiters_;
  struct EndWatcher {
    std::uint64_t run;
    std::weak_ptr<void> wanted;
    std::function<void(const ProcessEnd&)> ended;
  };
  std::vector<EndWatcher> end_watchers_;
  std::uint64_t ended_run_ = 0;  // the latest that ended; 0 = none has
  ProcessEnd end_;               // of it
  std::optional<process::Child> child_;
  models::Pin pin_;  // of its files, which stay as long as it runs
  Secret authorization_;
  std::shared_ptr<SlotRun> slots_;                     // of the child; null: they are not kept
  bool serves_ = false;                                // the child does
  bool readying_ = false;                              // its slots are, for one request
  std::vector<std::pair<WaiterId, Lease>> held_back_;  // as long as that
  std::int64_t started_wall_nanos_ = 0;
  process::OutputTail tail_{kChildOutputBytesKept};
  std::string line_;  // of the output, as far as it came
  std::set<std::string> devices_used_;
  std::string degraded_, speculation_, speculation_note_;
  std::int64_t drafted_tokens_ = 0, draft_accepted_tokens_ = 0;
  Descriptor exit_watch_, output_;
  char read_buffer_[4096];
  net::asio::steady_timer timer_;
  std::optional<std::int64_t> armed_for_;
  int pending_ = 0;
  std::function<void()> stopped_;

  mutable std::mutex status_mutex_;
  ModelStatus status_;             // guarded by status_mutex_
  std::int64_t published_at_ = 0;  // guarded by status_mutex_
};

}  // namespace tidegate::engine
