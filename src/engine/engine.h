// Runs models on this machine: one llama-server child per loaded model, started when it is needed,
// watched, and stopped when it is not.
//
// Why children: a crash of the inference code, or a hostile model file that gets the better of it,
// takes one process with it and not the gateway. Each child listens on a UNIX socket in a folder
// that only this user may enter, wants a random key that no command line or environment shows, gets
// nothing else from us, and dies when we do.
//
// What decides is the Supervisor of each model (supervisor.h) and, for the memory that they share,
// Residency (residency.h). Neither does I/O; this class carries out what they say, on one shard.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/deployment.h"
#include "engine/child_sandbox.h"
#include "engine/command_line.h"
#include "engine/fit.h"
#include "engine/lease.h"
#include "engine/locator.h"
#include "engine/queue.h"
#include "engine/residency.h"
#include "engine/status.h"
#include "engine/supervisor.h"
#include "models/local_models.h"
#include "net/async.h"
#include "net/cancel.h"
#include "net/shard.h"

namespace tidegate::engine {

class SlotKeeper;

inline constexpr std::int64_t kEndNewsNanos = 1'000'000'000;

struct EngineOptions {
  LocatorOptions locator;
  std::string runtime_folder;  // for sockets and keys, see runtime_folder.h; made when missing
  ChildSettings child;
  Machine machine;
  SupervisorLimits limits;    // slots 0 = chosen for each model, see fit.h
  ResidencyLimits residency;  // budget_bytes 0 = those of `machine`
  // Bytes of the budget that a process of the model holds; empty = as fit.h decides.
  std::function<std::uint64_t(const models::LocalModel& model)> memory_of = {};
  ChildProtection protection;
  // Called before a process is started, on a thread that may wait and starts no other meanwhile.
  // True: SetMachine was called with another machine, and the start begins anew with what it gives.
  std::function<bool()> before_start = {};
  std::shared_ptr<SlotKeeper> slots = {};  // null: no conversation outlives its process
  // How much each model was used before, see ModelStatus::use_weight.
  std::map<std::string, double> use_weights = {};
  // By model, in the stead of SupervisorLimits::keep_alive_nanos.
  std::map<std::string, std::int64_t> keep_alives = {};
  // Models that are pinned from the beginning, see Pin; those that are not there yet, once they
  // are.
  std::set<std::string, std::less<>> pinned = {};
};

// Thread-safe where said. REQUIRES: destroyed, or Stop() called, while the shard still runs, and
// not on a shard's thread; requests that hold leases or wait for one have ended, or end with an
// error then.
class Engine {
 public:
  // Prepares the runtime folder and clears what dead processes left in it; starts no child.
  // Errors: kPermissionDenied, kUnavailable, kInvalidArgument, all of the runtime folder.
  static Result<std::unique_ptr<Engine>> Create(net::Shard& shard, EngineOptions options,
                                                std::vector<models::LocalModel> models);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Waits until `model` runs and has a free slot for `claim`, starting it if need be; with a larger
  // window than it has, after its users, if the claim needs one. That stays until it is unloaded.
  // Called on the
  // shard `home`, which may be any; `cancel` is that request's and outlives the call. Errors:
  // kNotFound (no such model); kUnavailable with a reason ("engine_not_installed", "engine_broken",
  // "engine_too_old", "engine_failed", "engine_memory", "engine_no_device", "engine_queue_full",
  // "engine_stopping") and, where known, retry_after_s; kTooLarge with "context_length_exceeded",
  // when no such window fits; those of `cancel`.
  net::Task<Result<Lease>> Acquire(net::Shard& home, std::string model, net::CancelToken& cancel,
                                   Claim claim);
  // For nobody in particular.
  net::Task<Result<Lease>> Acquire(net::Shard& home, std::string model, net::CancelToken& cancel) {
    return Acquire(home, std::move(model), cancel, Claim());
  }

  // After a request over a lease of `endpoint` has failed: how its process ended, if it has or does
  // so within kEndNewsNanos; nothing if it goes on. A connection breaks before the end of the
  // process is known. Called as Acquire is; ends early with `cancel`.
  net::Task<std::optional<ProcessEnd>> WhyEnded(net::Shard& home, Endpoint endpoint,
                                                net::CancelToken& cancel);

  // From now on these are the models. Those that are new can be asked for when this returns. Those
  // that are gone are not found any more, also by those who wait for them, and end after their
  // users. One whose file is another ends after its users, and whoever comes gets the new one. Of
  // two with one name the first counts. Thread-safe; does not wait for processes.
  void SetModels(std::vector<models::LocalModel> models);

  // What the machine has from now on: decides for the next start of each model. Thread-safe.
  void SetMachine(Machine machine);
  // What its models are fitted by. Thread-safe.
  FitPolicy policy() const;
  // What they get of it, in the order of SetModels. Thread-safe.
  std::shared_ptr<const Fitters> fitters() const;

  // Ends the process of `model` after its users; the next request starts it again. No-op for an
  // unknown model. Thread-safe.
  void Stop(std::string_view model);
  // Ends the process of `model` after its users, as Stop does, and sets aside for the next one what
  // it needs with the settings that hold now. No-op for an unknown model. Thread-safe; reads from
  // the disk.
  void Restart(const models::LocalModel& model);
  // Whether conversations outlive their processes. Thread-safe.
  bool KeepsConversations() const;
  // A pinned model is loaded, others making room for it as for a request, and stopped neither for
  // being idle nor for another one. Other models that do not fit beside the pinned ones are
  // refused. It belongs to the name: a model that goes and comes back is pinned then. Errors:
  // kNotFound for a model that neither is there nor was pinned; kConflict with "engine_memory"
  // where it does not fit beside those that are pinned. Thread-safe;
  // not on a shard, since it waits until that has taken effect.
  Result<void> Pin(std::string_view model, bool pinned);
  // By Pin or the options. Thread-safe.
  bool pinned(std::string_view model) const;

  // For the statuses: an answer of `model` came of which so many tokens had been guessed ahead, and
  // so many of these were right. No-op for an unknown model. Thread-safe.
  void NoteDrafts(std::string_view model, std::int64_t drafted, std::int64_t accepted);

  // How long the process of `model` that runs now shall stay when it is idle; negative = it stays,
  // 0 = it goes as soon as nobody uses it. No-op for an unknown model. Thread-safe.
  void KeepAlive(std::string_view model, std::int64_t nanos);

  // What the planner needs, without blocking on the engine: a copy under a short lock. Nothing for
  // an unknown model. Thread-safe.
  std::optional<core::LiveState> Live(std::string_view model) const;
  // Everything, with the memory of each child read now. Thread-safe.
  std::vector<ModelStatus> Statuses() const;

  // Refuses everything new, ends all children (SIGTERM, then SIGKILL after
  // SupervisorLimits::term_nanos) and removes sockets and keys. Blocks, also until their
  // conversations are on the disk. Idempotent.
  void Stop();

 private:
  struct State;
  explicit Engine(std::shared_ptr<State> state);
  void FitModels();
  std::function<void()> Gone(const std::string& model) const;
  std::shared_ptr<State> state_;
};

}  // namespace tidegate::engine
