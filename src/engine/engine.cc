#include "engine/engine.h"

#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <unistd.h>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/check.h"
#include "engine/runner.h"

namespace tidegate::engine {
namespace {

// The guess of how long a model takes to load until it has been loaded once: from a disk that is
// neither slow nor fast.
constexpr std::int64_t kLoadBytesPerMillisecondPrior = 1'000'000;
constexpr std::int64_t kStartMillisecondsPrior = 100;
constexpr std::int64_t kNanosPerMillisecond = 1'000'000;

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

struct Engine::State {
  std::shared_ptr<RunnerContext> context;
  std::map<std::string, std::shared_ptr<Runner>, std::less<>>
      runners;  // constant after construction
  std::atomic<WaiterId> next_waiter = 1;
};

Result<std::unique_ptr<Engine>> Engine::Create(net::Shard& shard, EngineOptions options,
                                               std::vector<models::LocalModel> models) {
  TIDEGATE_ASSIGN(RuntimeFolder folder, RuntimeFolder::Open(options.runtime_folder));
  const std::shared_ptr<RunnerContext> context(new RunnerContext{
      shard, options.child, options.limits, Locator(std::move(options.locator)), std::move(folder),
      std::make_unique<net::HttpClient>(shard, net::ClientOptions{}),
      std::make_unique<process::SpawnThread>()});
  auto state = std::make_shared<State>();
  state->context = context;
  for (models::LocalModel& model : models) {
    const std::string name = model.name;
    state->runners.emplace(name, std::make_shared<Runner>(context, std::move(model)));
  }
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

Engine::Engine(std::shared_ptr<State> state) : state_(std::move(state)) {}

Engine::~Engine() { Stop(); }

net::Task<Result<Lease>> Engine::Acquire(net::Shard& home, std::string model,
                                         net::CancelToken& cancel) {
  if (cancel.cancelled()) co_return cancel.MakeError();
  const auto at = state_->runners.find(model);
  if (at == state_->runners.end()) co_return NotFound("there is no local model \"" + model + "\"");
  if (state_->context->stopped) {
    Error error = Unavailable(ErrorSource::kEngine, "the gateway is shutting down");
    error.reason = "engine_stopping";
    co_return error;
  }
  // Weak: this frame may be the last thing to go, and a runner has to go before its shard.
  const std::weak_ptr<Runner> runner = at->second;
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
    shard.Post([runner = at->second, id, granted] { runner->Acquire(id, granted); });
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

void Engine::KeepAlive(std::string_view model, std::int64_t nanos) {
  const auto at = state_->runners.find(model);
  if (at == state_->runners.end() || state_->context->stopped) return;
  state_->context->shard.Post([weak = std::weak_ptr<Runner>(at->second), nanos] {
    if (const auto runner = weak.lock()) runner->KeepAlive(nanos);
  });
}

std::optional<core::LiveState> Engine::Live(std::string_view model) const {
  const auto at = state_->runners.find(model);
  if (at == state_->runners.end()) return std::nullopt;
  const ModelStatus status = at->second->status();
  core::LiveState live;
  live.queue_depth = static_cast<std::int64_t>(status.queue_depth);
  live.loaded = status.state == ModelState::kReady;
  if (!live.loaded) {
    const auto size = static_cast<std::int64_t>(at->second->model().size_bytes);
    const std::int64_t prior = kStartMillisecondsPrior + size / kLoadBytesPerMillisecondPrior;
    live.load_ms =
        status.last_start_nanos > 0 ? status.last_start_nanos / kNanosPerMillisecond : prior;
    live.load_ms += status.retry_in_nanos / kNanosPerMillisecond;
  }
  if (state_->context->stopped) {
    live.available = false;
    live.unavailable_why = "the gateway is shutting down";
  } else if (status.retry_in_nanos > state_->context->limits.patience_nanos) {
    live.available = false;
    live.unavailable_why = status.last_error;
  }
  return live;
}

std::vector<ModelStatus> Engine::Statuses() const {
  std::vector<ModelStatus> statuses;
  for (const auto& [name, runner] : state_->runners) {
    ModelStatus status = runner->status();
    if (status.pid != 0) status.rss_bytes = ResidentBytes(status.pid);
    statuses.push_back(std::move(status));
  }
  return statuses;
}

void Engine::Stop() {
  RunnerContext& context = *state_->context;
  if (context.stopped) return;
  std::promise<void> all_stopped;
  context.shard.Post([state = state_, &all_stopped] {
    auto left = std::make_shared<std::size_t>(state->runners.size() + 1);
    const std::function<void()> one_stopped = [state, left, &all_stopped] {
      if (--*left > 0) return;
      state->context->client.reset();
      state->context->stopped = true;
      all_stopped.set_value();
    };
    for (const auto& [name, runner] : state->runners) runner->Stop(one_stopped);
    one_stopped();
  });
  all_stopped.get_future().wait();
  context.spawner.reset();
}

}  // namespace tidegate::engine
