// Runs models on this machine: one llama-server child per loaded model, started when it is needed,
// watched, and stopped when it is not.
//
// Why children: a crash of the inference code, or a hostile model file that gets the better of it,
// takes one process with it and not the gateway. Each child listens on a UNIX socket in a folder
// that only this user may enter, wants a random key that no command line or environment shows, gets
// nothing else from us, and dies when we do.
//
// What decides is the Supervisor (supervisor.h), which does no I/O; this class carries out what it
// says, on one shard.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/deployment.h"
#include "engine/command_line.h"
#include "engine/lease.h"
#include "engine/locator.h"
#include "engine/status.h"
#include "engine/supervisor.h"
#include "models/local_models.h"
#include "net/async.h"
#include "net/cancel.h"
#include "net/shard.h"

namespace tidegate::engine {

struct EngineOptions {
  LocatorOptions locator;
  std::string runtime_folder;  // for sockets and keys, see runtime_folder.h; made when missing
  ChildSettings child;
  SupervisorLimits limits;
};

// Thread-safe where said. Models are fixed at construction. REQUIRES: destroyed, or Stop() called,
// while the shard still runs, and not on a shard's thread; requests that hold leases or wait for
// one have ended, or end with an error then.
class Engine {
 public:
  // Prepares the runtime folder and clears what dead processes left in it; starts no child.
  // Errors: kPermissionDenied, kUnavailable, kInvalidArgument, all of the runtime folder.
  static Result<std::unique_ptr<Engine>> Create(net::Shard& shard, EngineOptions options,
                                                std::vector<models::LocalModel> models);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Waits until `model` runs and has a free slot, starting it if need be. Called on the shard
  // `home`, which may be any; `cancel` is that request's and outlives the call. Errors: kNotFound
  // (no such model); kUnavailable with a reason ("engine_not_installed", "engine_broken",
  // "engine_too_old", "engine_failed", "engine_queue_full", "engine_stopping") and, where known,
  // retry_after_s; those of `cancel`.
  net::Task<Result<Lease>> Acquire(net::Shard& home, std::string model, net::CancelToken& cancel);

  // How long the process of `model` that runs now shall stay when it is idle; negative = it stays,
  // 0 = it goes as soon as nobody uses it. No-op for an unknown model. Thread-safe.
  void KeepAlive(std::string_view model, std::int64_t nanos);

  // What the planner needs, without blocking on the engine: a copy under a short lock. Nothing for
  // an unknown model. Thread-safe.
  std::optional<core::LiveState> Live(std::string_view model) const;
  // Everything, with the memory of each child read now. Thread-safe.
  std::vector<ModelStatus> Statuses() const;

  // Refuses everything new, ends all children (SIGTERM, then SIGKILL after
  // SupervisorLimits::term_nanos) and removes sockets and keys. Blocks. Idempotent.
  void Stop();

 private:
  struct State;
  explicit Engine(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace tidegate::engine
