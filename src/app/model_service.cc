#include "app/model_service.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "net/sleep.h"
#include "net/stop_group.h"
#include "obs/log.h"

namespace tidegate::app {
namespace {

Error Stopping() {
  Error error = Unavailable(ErrorSource::kGateway, "the gateway is shutting down");
  error.reason = "stopping";
  return error;
}

}  // namespace

models::PullOptions ModelService::WithSources(models::PullOptions options) {
  options.may_take = [this](const models::ModelName& name, const std::string& source) {
    return library_.CheckSource(name, source);
  };
  return options;
}

ModelService::ModelService(net::Shard& shard, ModelServiceOptions options)
    : shard_(shard),
      library_(std::move(options.library), SystemClock()),
      pulls_(shard, library_.store().blobs(), WithSources(std::move(options.pulls)),
             [this](const models::ModelName& name, std::string manifest,
                    models::Provenance provenance) {
               collect_wanted_ = true;  // the name may have meant something else
               return library_.Record(name, manifest, std::move(provenance));
             }),
      pushes_(shard, library_.store(), std::move(options.pushes)),
      group_(shard.io()) {}

void ModelService::Begin(std::function<net::Task<void>()> task, Sink sink) {
  shard_.Post([this, task = std::move(task), sink] {
    if (!group_.Spawn(task())) sink->done(Stopping());
  });
}

net::Task<void> ModelService::Pull(models::PullRequest request, Sink sink,
                                   std::shared_ptr<net::CancelToken> cancel) {
  models::PullListener listener = [sink](const models::Progress& event) { sink->step(event); };
  Result<void> done =
      co_await pulls_.Pull(shard_, std::move(request), *cancel, std::move(listener));
  if (!done.ok()) collect_wanted_ = true;  // what came of it may be of use to nobody
  Tell(sink, std::move(done));
}

net::Task<void> ModelService::Push(models::ModelName name, Sink sink,
                                   std::shared_ptr<net::CancelToken> cancel) {
  models::PullListener listener = [sink](const models::Progress& event) { sink->step(event); };
  Result<void> done = co_await pushes_.Push(std::move(name), *cancel, std::move(listener));
  Tell(sink, std::move(done));
}

net::Task<Result<void>> ModelService::Run(net::Worker& worker, Change change, Sink sink,
                                          StopSource stop) {
  std::function<Result<void>()> job = [this, change = std::move(change), sink, stop] {
    const std::stop_callback when_stopping(stopping_.get_token(), [&] { stop->request_stop(); });
    Result<void> done = change(sink->step, stop->get_token());
    collect_wanted_ = true;  // the name may have meant something else
    return done;
  };
  co_return co_await worker.Run(shard_, std::move(job));
}

net::Task<void> ModelService::Create(models::CreateSpec spec, Sink sink, StopSource stop) {
  Change change = [this, spec = std::move(spec)](const models::Steps& steps,
                                                 const std::stop_token& token) {
    return library_.Create(spec, steps, token);
  };
  Result<void> done = co_await Run(maker_, std::move(change), sink, std::move(stop));
  Tell(sink, std::move(done));
}

net::Task<void> ModelService::Copy(std::string source, models::ModelName destination, Sink sink,
                                   StopSource stop) {
  const bool bytes = library_.CopiesBytes(source);
  Change change = [this, source = std::move(source), destination = std::move(destination)](
                      const models::Steps& steps, const std::stop_token& token) {
    return library_.Copy(source, destination, steps, token);
  };
  Copier& copier =
      *std::min_element(copiers_.begin(), copiers_.end(),
                        [](const Copier& a, const Copier& b) { return a.jobs < b.jobs; });
  net::Worker& worker = bytes ? copier.worker : namer_;
  copier.jobs += bytes ? 1 : 0;
  Result<void> done = co_await Run(worker, std::move(change), sink, std::move(stop));
  copier.jobs -= bytes ? 1 : 0;
  Tell(sink, std::move(done));
}

// What ends because the gateway does is told so.
void ModelService::Tell(const Sink& sink, Result<void> done) const {
  const bool ended = !done.ok() && done.error().code == ErrorCode::kCancelled;
  if (ended && stopping_.stop_requested()) done = Stopping();
  sink->done(std::move(done));
}

std::function<void()> ModelService::StartPull(models::PullRequest request,
                                              models::ProgressSink sink) {
  const auto shared = std::make_shared<models::ProgressSink>(std::move(sink));
  const auto cancel = std::make_shared<net::CancelToken>();
  Begin([this, request = std::move(request), shared,
         cancel] { return Pull(request, shared, cancel); },
        shared);
  return [this, cancel] { shard_.Post([cancel] { cancel->Cancel(ErrorCode::kCancelled); }); };
}

std::function<void()> ModelService::StartPush(models::ModelName name, models::ProgressSink sink) {
  const auto shared = std::make_shared<models::ProgressSink>(std::move(sink));
  const auto cancel = std::make_shared<net::CancelToken>();
  Begin([this, name = std::move(name), shared, cancel] { return Push(name, shared, cancel); },
        shared);
  return [this, cancel] { shard_.Post([cancel] { cancel->Cancel(ErrorCode::kCancelled); }); };
}

std::function<void()> ModelService::StartCreate(models::CreateSpec spec,
                                                models::ProgressSink sink) {
  const auto shared = std::make_shared<models::ProgressSink>(std::move(sink));
  const auto stop = std::make_shared<std::stop_source>();
  Begin([this, spec = std::move(spec), shared, stop] { return Create(spec, shared, stop); },
        shared);
  return [stop] { stop->request_stop(); };
}

std::function<void()> ModelService::StartCopy(std::string source, models::ModelName destination,
                                              models::ProgressSink sink) {
  const auto shared = std::make_shared<models::ProgressSink>(std::move(sink));
  const auto stop = std::make_shared<std::stop_source>();
  Begin([this, source = std::move(source), destination = std::move(destination), shared,
         stop] { return Copy(source, destination, shared, stop); },
        shared);
  return [stop] { stop->request_stop(); };
}

// On the keeper's thread.
void ModelService::Look() {
  library_.RefreshIfChanged();
  const Result<models::CollectReport> dropped = library_.store().DropReleased();
  if (!dropped.ok()) {
    obs::Log(obs::Level::kWarning, "files of removed models stay: {}", Describe(dropped.error()));
  }
  const std::int64_t now = net::MonotonicNow();
  const std::int64_t waited = now - collected_at_;
  if (collected_at_ != 0 && waited < kCollectNanos) return;
  if (!collect_wanted_.exchange(false) && waited < kCollectUnaskedNanos) return;
  collected_at_ = now;
  Collect();
}

void ModelService::Collect() {
  std::error_code ec;
  if (!std::filesystem::exists(library_.store().root(), ec)) return;  // nothing was ever kept
  const Result<models::CollectReport> report =
      library_.store().Collect(SystemClock().WallNanos() / kNanosPerSecond);
  if (!report.ok()) {
    obs::Log(obs::Level::kWarning, "the store of models is not cleared up: {}",
             Describe(report.error()));
    collect_wanted_ = true;
    return;
  }
  const std::string held_back = report->held_back ? Describe(*report->held_back) : std::string();
  if (!held_back.empty()) {
    collect_wanted_ = true;  // until somebody has repaired it
    if (held_back != told_) obs::Log(obs::Level::kWarning, "{}", held_back);
  }
  told_ = held_back;
  if (report->blobs + report->partials > 0) {
    obs::Log(obs::Level::kInfo,
             "cleared {} files that no model needs and {} unfinished ones out of the store: {} "
             "bytes",
             report->blobs, report->partials, report->bytes);
  }
}

net::Task<void> ModelService::Watch() {
  net::SleepTimer timer(shard_);
  while (true) {
    std::function<Result<void>()> look = [this]() -> Result<void> {
      Look();
      return {};
    };
    // A thread that is busy for now is no reason to stop looking.
    (void)co_await keeper_.Run(shard_, std::move(look));
    const bool waited =
        co_await timer.SleepUntil(group_.cancel(), net::MonotonicNow() + kWatchNanos);
    if (!waited) co_return;
  }
}

void ModelService::StartWatching() {
  shard_.Post([this] { (void)group_.Spawn(Watch()); });
}

// What its caller should know of besides, or nothing.
Result<std::string> ModelService::Remove(const std::string& name) {
  collect_wanted_ = true;
  TIDEGATE_ASSIGN(const models::CollectReport report, library_.Remove(name));
  if (!report.held_back) return std::string();
  obs::Log(obs::Level::kWarning, "{} is removed, and its files stay: {}", name,
           Describe(*report.held_back));
  return report.held_back->message;
}

admin::ModelWork ModelService::Work() {
  admin::ModelWork work;
  work.pull = [this](const models::PullRequest& request, models::ProgressSink sink) {
    return StartPull(request, std::move(sink));
  };
  work.push = [this](const models::ModelName& name, models::ProgressSink sink) {
    return StartPush(name, std::move(sink));
  };
  work.create = [this](models::CreateSpec spec, models::ProgressSink sink) {
    return StartCreate(std::move(spec), std::move(sink));
  };
  work.copy = [this](const std::string& source, const models::ModelName& destination,
                     models::ProgressSink sink) {
    return StartCopy(source, destination, std::move(sink));
  };
  work.remove = [this](const std::string& name) { return Remove(name); };
  work.blobs = &library_.store().blobs();
  return work;
}

void ModelService::Stop() {
  stopping_.request_stop();
  pulls_.Stop();
  pushes_.Stop();
  net::StopGroup(shard_, group_);
}

}  // namespace tidegate::app
