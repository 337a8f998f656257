// Carries out what the Supervisor of one model decides: starts the child, asks whether it serves,
// reads what it prints, notices its end, hands out leases.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/result.h"
#include "engine/command_line.h"
#include "engine/lease.h"
#include "engine/locator.h"
#include "engine/runtime_folder.h"
#include "engine/supervisor.h"
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

// What the runners of one engine share. Leases keep it alive too, beyond the shard perhaps, but use
// no more of it than `stopped` by then.
struct RunnerContext {
  net::Shard& shard;
  ChildSettings child;
  SupervisorLimits limits;
  Locator locator;
  RuntimeFolder folder;
  std::unique_ptr<net::HttpClient> client;        // used and destroyed on the shard
  std::unique_ptr<process::SpawnThread> spawner;  // destroyed by Engine::Stop
  std::atomic<bool> stopped = false;  // the shard may be gone: nothing is posted to it any more
};

// On the shard's thread only, unless said otherwise.
class Runner : public std::enable_shared_from_this<Runner> {
 public:
  using Granted = std::function<void(Result<Lease>)>;

  Runner(std::shared_ptr<RunnerContext> context, models::LocalModel model);

  // Calls `granted` once, on the shard, perhaps before it returns; not at all after Abandon.
  void Acquire(WaiterId waiter, Granted granted);
  void Abandon(WaiterId waiter);
  void KeepAlive(std::int64_t nanos);
  // Ends the child; calls `stopped` once nothing of this runner is under way any more.
  void Stop(std::function<void()> stopped);

  // Thread-safe.
  ModelStatus status() const;
  const models::LocalModel& model() const { return model_; }

 private:
  using Descriptor = net::asio::posix::basic_stream_descriptor<net::Executor>;
  struct Started {
    process::Child child;
    Secret authorization;
  };

  void Apply(Actions actions);
  void StartChild();
  Result<Started> Prepare() const;  // on the spawn thread
  void OnStarted(std::uint64_t run, Result<Started> started);
  Result<void> Watch(std::uint64_t run);
  void CloseDescriptors();
  void ReadOutput(std::uint64_t run);
  void OnChildEnd(std::uint64_t run);
  void DrainOutput();
  Error ExitError(const process::ExitStatus& status) const;
  void Probe();
  static net::Task<void> ProbeOnce(std::shared_ptr<Runner> self, std::uint64_t run);
  void OnProbe(std::uint64_t run, bool serves);
  void Grant(WaiterId waiter);
  void Answer(WaiterId waiter, Result<Lease> result);
  void ArmTimer();
  void Publish();
  void LogChange(const ModelStatus& now) const;
  void CheckQuiet();
  net::Origin origin() const;

  // Counts an operation under way for as long as it lives, so that Stop knows when all have ended.
  class Pending;

  const std::shared_ptr<RunnerContext> context_;
  const models::LocalModel model_;
  Supervisor supervisor_;
  std::map<WaiterId, Granted> waiters_;
  std::optional<process::Child> child_;
  Secret authorization_;
  std::int64_t started_wall_nanos_ = 0;
  process::OutputTail tail_{kChildOutputBytesKept};
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
