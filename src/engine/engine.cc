#include "engine/engine.h"

#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <unistd.h>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/check.h"
#include "engine/draft_choice.h"
#include "engine/runner.h"
#include "net/sleep.h"

namespace tidegate::engine {
namespace {

constexpr std::int64_t kNanosPerMillisecond = 1'000'000;
constexpr std::chrono::seconds kPinPatience(5);

// One Acquire that waits: on its own shard, woken from there.
struct Waiter {
  explicit Waiter(const net::Executor& executor)
      : wake(executor, net::asio::steady_timer::time_point::max()) {}
  boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, net::Executor>
      wake;
  std::optional<Result<Lease>> result;
  bool abandoned = false;
};

std::uint64_t ResidentBytes(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

using Runners = std::map<std::string, std::shared_ptr<Runner>, std::less<>>;

struct Engine::State {
  std::shared_ptr<RunnerContext> context;
  bool keeps_conversations = false;
  std::atomic<WaiterId> next_waiter = 1;

  std::mutex change;                       // held through every change of the next two
  std::vector<models::LocalModel> listed;  // guarded by change
  FitPolicy policy;                        // changed under both mutexes

  mutable std::mutex mutex;
  std::shared_ptr<const Fitters> fitters = std::make_shared<Fitters>();  // guarded by mutex
  std::shared_ptr<const Runners> visible = std::make_shared<Runners>();  // guarded by mutex
  Runners all;  // also those that are on their way out; guarded by mutex
  std::set<std::string, std::less<>> pinned;  // names; guarded by mutex
  bool stopping = false;                      // guarded by mutex

  std::shared_ptr<const Runners> models() const {
    const std::lock_guard lock(mutex);
    return visible;
  }
  std::shared_ptr<Runner> Find(std::string_view model) const {
    const std::shared_ptr<const Runners> runners = models();
    const auto at = runners->find(model);
    return at == runners->end() ? nullptr : at->second;
  }
  // Does `work` with the runner on the engine's shard, if there is such a model.
  void Post(std::string_view model, std::function<void(Runner&)> work) const {
    const std::shared_ptr<Runner> runner = Find(model);
    if (!runner || context->stopped) return;
    context->shard.Post([weak = std::weak_ptr<Runner>(runner), work = std::move(work)] {
      if (const std::shared_ptr<Runner> alive = weak.lock()) work(*alive);
    });
  }
};

Result<std::unique_ptr<Engine>> Engine::Create(net::Shard& shard, EngineOptions options,
                                               std::vector<models::LocalModel> models) {
  TIDEGATE_ASSIGN(RuntimeFolder folder, RuntimeFolder::Open(options.runtime_folder));
  if (options.residency.budget_bytes == 0) {
    options.residency.budget_bytes = options.machine.host_bytes;
  }
  options.residency.device_bytes = DeviceBudget(options.machine.devices);
  const std::shared_ptr<RunnerContext> context(new RunnerContext{
      shard, options.limits, std::move(options.keep_alives), std::move(options.memory_of),
      options.protection, std::move(options.before_start), Locator(std::move(options.locator)),
      std::move(folder), std::make_shared<Scheduler>(shard, options.residency),
      std::move(options.slots), std::make_unique<net::HttpClient>(shard, net::ClientOptions{}),
      std::make_unique<process::SpawnThread>()});
  auto state = std::make_shared<State>();
  state->context = context;
  state->keeps_conversations = context->slots != nullptr;
  state->policy = {std::move(options.child), options.limits.slots, std::move(options.machine)};
  state->pinned = std::move(options.pinned);
  std::unique_ptr<Engine> engine(new Engine(std::move(state)));
  engine->SetModels(std::move(models));
  shard.Post([context, weights = std::move(options.use_weights)] {
    for (const auto& [model, weight] : weights) context->scheduler->SeedUses(model, weight);
  });
  return engine;
}

Engine::Engine(std::shared_ptr<State> state) : state_(std::move(state)) {}

Engine::~Engine() { Stop(); }

void Engine::SetModels(std::vector<models::LocalModel> models) {
  const std::lock_guard change(state_->change);
  state_->listed = std::move(models);
  FitModels();
}

void Engine::SetMachine(Machine machine) {
  const std::lock_guard change(state_->change);
  const std::uint64_t device_bytes = DeviceBudget(machine.devices);
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    state_->policy.machine = std::move(machine);
    const std::shared_ptr<RunnerContext>& context = state_->context;
    context->shard.Post([context, device_bytes] {
      if (!context->stopped) context->scheduler->SetDeviceBytes(device_bytes);
    });
  }
  FitModels();
}

FitPolicy Engine::policy() const {
  const std::lock_guard lock(state_->mutex);
  return state_->policy;
}

std::shared_ptr<const Fitters> Engine::fitters() const {
  const std::lock_guard lock(state_->mutex);
  return state_->fitters;
}

// From the first to the last difference: what is posted here happens before what is asked of a
// model by whoever sees it in the new list. REQUIRES: `change` is held.
void Engine::FitModels() {
  const std::shared_ptr<RunnerContext>& context = state_->context;
  // Before the lock, which every request takes: it may read from the disk.
  const auto fitters = std::make_shared<const Fitters>(FitAll(state_->listed, state_->policy));
  const std::lock_guard lock(state_->mutex);
  if (state_->stopping) return;
  state_->fitters = fitters;
  const auto visible = std::make_shared<Runners>();
  for (const std::shared_ptr<const ModelFitter>& fitter : *fitters) {
    const std::string& name = fitter->model().name;
    if (visible->contains(name)) continue;
    std::shared_ptr<Runner>& runner = state_->all[name];
    const bool is_new = !runner;
    if (is_new) runner = std::make_shared<Runner>(context, fitter);
    visible->emplace(name, runner);
    const MemoryAmount bytes = context->BytesOf(fitter->model(), fitter->standard());
    context->scheduler->Announce(name, bytes);
    const bool appears = !state_->visible->contains(name);
    const bool pinned = appears && state_->pinned.contains(name);
    context->shard.Post([context, runner, bytes, is_new, pinned, fitter] {
      context->scheduler->Add(runner->name(), runner, bytes);
      if (!is_new) runner->SetModel(fitter);
      if (pinned) runner->Pin(true);
    });
  }
  for (const auto& [name, runner] : state_->all) {
    if (visible->contains(name) || !state_->visible->contains(name)) continue;
    context->shard.Post([runner = runner, gone = Gone(name)] { runner->Retire(gone); });
  }
  state_->visible = visible;
}

// What happens when nothing of a removed model is left; nothing, if it is back by then.
std::function<void()> Engine::Gone(const std::string& model) const {
  return [weak = std::weak_ptr<State>(state_), model] {
    const std::shared_ptr<State> state = weak.lock();
    if (!state) return;
    {
      const std::lock_guard lock(state->mutex);
      if (state->visible->contains(model)) return;
      state->all.erase(model);
    }
    // One that is added again meanwhile is so by an Add that comes after this on the shard.
    state->context->scheduler->Remove(model);
  };
}

net::Task<Result<Lease>> Engine::Acquire(net::Shard& home, std::string model,
                                         net::CancelToken& cancel, Claim claim) {
  if (cancel.cancelled()) co_return cancel.MakeError();
  // Weak: this frame may be the last thing to go, and a runner has to go before its shard.
  const std::weak_ptr<Runner> runner = state_->Find(model);
  if (runner.expired()) co_return NotFound("there is no local model \"" + model + "\"");
  if (state_->context->stopped) {
    Error error = Unavailable(ErrorSource::kEngine, "the gateway is shutting down");
    error.reason = "engine_stopping";
    co_return error;
  }
  const WaiterId id = state_->next_waiter++;
  const net::Executor executor = home.io().get_executor();
  const auto waiter = std::make_shared<Waiter>(executor);
  auto granted = [waiter, executor](Result<Lease> result) {
    auto moved = std::make_shared<Result<Lease>>(std::move(result));
    net::asio::post(executor, [waiter, moved] {
      if (waiter->abandoned) return;  // a lease in it goes back by itself
      waiter->result = std::move(*moved);
      waiter->wake.cancel();
    });
  };
  net::Shard& shard = state_->context->shard;
  {
    const net::CancelToken::Scope scope(cancel, [waiter] { waiter->wake.cancel(); });
    shard.Post([runner, id, model, granted, claim = std::move(claim)] {
      if (const auto alive = runner.lock()) return alive->Acquire(id, claim, granted);
      granted(NotFound("there is no local model \"" + model + "\" any more"));
    });
    // Both wake-ups come through this shard's own loop, so none is lost between the test and the
    // wait.
    while (!waiter->result && !cancel.cancelled()) {
      co_await waiter->wake.async_wait(net::kAwait);
    }
  }
  if (waiter->result && !cancel.cancelled()) co_return std::move(*waiter->result);
  waiter->abandoned = true;
  if (!waiter->result) {
    shard.Post([runner, id] {
      if (const auto alive = runner.lock()) alive->Abandon(id);
    });
  }
  co_return cancel.MakeError();
}

net::Task<std::optional<ProcessEnd>> Engine::WhyEnded(net::Shard& home, Endpoint endpoint,
                                                      net::CancelToken& cancel) {
  struct News {
    explicit News(net::Shard& shard) : timer(shard) {}
    net::SleepTimer timer;
    net::CancelToken come;  // as one that waits only until then
    std::optional<ProcessEnd> end;
  };
  const auto news = std::make_shared<News>(home);
  const net::Executor executor = home.io().get_executor();
  state_->Post(endpoint.model, [news, executor, run = endpoint.run](Runner& runner) {
    runner.WhenEnded(run, news, [weak = std::weak_ptr(news), executor](const ProcessEnd& end) {
      net::asio::post(executor, [weak, end] {
        const std::shared_ptr<News> wanted = weak.lock();
        if (!wanted) return;
        wanted->end = end;
        wanted->come.Cancel(ErrorCode::kCancelled);
      });
    });
  });
  const net::CancelToken::Scope scope(cancel,
                                      [&news] { news->come.Cancel(ErrorCode::kCancelled); });
  (void)co_await news->timer.SleepUntil(news->come, net::MonotonicNow() + kEndNewsNanos);
  co_return std::move(news->end);
}

void Engine::KeepAlive(std::string_view model, std::int64_t nanos) {
  state_->Post(model, [nanos](Runner& runner) { runner.KeepAlive(nanos); });
}

void Engine::NoteDrafts(std::string_view model, std::int64_t drafted, std::int64_t accepted) {
  state_->Post(model,
               [drafted, accepted](Runner& runner) { runner.NoteDrafts(drafted, accepted); });
}

void Engine::Stop(std::string_view model) {
  state_->Post(model, [](Runner& runner) { runner.Unload(); });
}

void Engine::Restart(const models::LocalModel& model) {
  const std::lock_guard change(state_->change);
  if (!state_->Find(model.name)) return;
  const std::shared_ptr<RunnerContext>& context = state_->context;
  const auto fitter = FitWithDraft(model, state_->listed, state_->policy);
  const MemoryAmount bytes = context->BytesOf(model, fitter->standard());
  const std::shared_ptr<Scheduler>& scheduler = context->scheduler;
  scheduler->Announce(model.name, bytes);
  state_->Post(model.name, [scheduler, bytes, fitter](Runner& runner) {
    scheduler->Add(runner.name(), runner.shared_from_this(), bytes);
    runner.Renew(fitter);
  });
}

bool Engine::KeepsConversations() const { return state_->keeps_conversations; }

Result<void> Engine::Pin(std::string_view model, bool pinned) {
  if (!state_->Find(model) && (pinned || !this->pinned(model))) {
    return NotFound("there is no local model \"" + std::string(model) + "\"");
  }
  if (std::optional<Error> error = state_->context->scheduler->PinError(model); pinned && error) {
    error->code = ErrorCode::kConflict;
    return *std::move(error);
  }
  {
    const std::lock_guard lock(state_->mutex);
    if (pinned) {
      state_->pinned.emplace(model);
    } else if (const auto at = state_->pinned.find(model); at != state_->pinned.end()) {
      state_->pinned.erase(at);
    }
  }
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> told = done->get_future();
  state_->Post(model, [pinned, done = std::move(done)](Runner& runner) {
    runner.Pin(pinned);
    done->set_value();
  });
  // Nobody is told where there is no such model any more: then the promise is gone.
  told.wait_for(kPinPatience);
  return {};
}

bool Engine::pinned(std::string_view model) const {
  const std::lock_guard lock(state_->mutex);
  return state_->pinned.contains(model);
}

std::optional<core::LiveState> Engine::Live(std::string_view model) const {
  const std::shared_ptr<Runner> runner = state_->Find(model);
  if (!runner) return std::nullopt;
  const ModelStatus status = runner->status();
  const MemoryOutlook memory = state_->context->scheduler->Outlook(model);
  core::LiveState live;
  live.queue_depth = static_cast<std::int64_t>(status.queue_depth);
  live.users = status.users;
  live.loaded = status.state == ModelState::kReady;
  live.expected_wait_ms = status.expected_wait_nanos / kNanosPerMillisecond;
  live.load_ms = (status.load_nanos + status.retry_in_nanos) / kNanosPerMillisecond;
  if (live.loaded) {
    live.context_tokens = status.context_tokens;
  } else {
    live.expected_wait_ms += memory.expected_wait_nanos / kNanosPerMillisecond;
  }
  if (state_->context->stopped) {
    live.available = false;
    live.unavailable_why = "the gateway is shutting down";
  } else if (!status.unfit.empty()) {
    live.available = false;
    live.unavailable_why = status.unfit;
  } else if (status.retry_in_nanos > state_->context->limits.patience_nanos) {
    live.available = false;
    live.unavailable_why = status.last_error;
  } else if (memory.impossible) {
    live.available = false;
    live.unavailable_why = memory.impossible->message;
  }
  return live;
}

std::vector<ModelStatus> Engine::Statuses() const {
  std::vector<ModelStatus> statuses;
  for (const auto& [name, runner] : *state_->models()) {
    ModelStatus status = runner->status();
    const MemoryOutlook memory = state_->context->scheduler->Outlook(name);
    if (status.state != ModelState::kReady) {
      status.expected_wait_nanos += memory.expected_wait_nanos;
    }
    if (status.queue_depth > 0) status.waits_for = memory.held_by;
    status.wait_bound_nanos = memory.wait_bound_nanos.value_or(-1);
    status.memory_bytes = memory.bytes.host;
    status.device_bytes = memory.bytes.device;
    status.use_weight = memory.use_weight;
    if (status.pid != 0) status.rss_bytes = ResidentBytes(status.pid);
    statuses.push_back(std::move(status));
  }
  return statuses;
}

void Engine::Stop() {
  RunnerContext& context = *state_->context;
  if (context.stopped) return;
  Runners all;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    all = state_->all;
  }
  std::promise<void> all_stopped;
  context.shard.Post([state = state_, all, &all_stopped] {
    state->context->scheduler->Stop();
    auto left = std::make_shared<std::size_t>(all.size() + 1);
    const std::function<void()> one_stopped = [state, left, &all_stopped] {
      if (--*left > 0) return;
      state->context->client.reset();
      state->context->stopped = true;
      all_stopped.set_value();
    };
    for (const auto& [name, runner] : all) runner->Stop(one_stopped);
    one_stopped();
  });
  all_stopped.get_future().wait();
  context.spawner.reset();
  context.slots.reset();
}

}  // namespace tidegate::engine
