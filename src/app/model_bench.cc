#include "app/model_bench.h"

#include <optional>
#include <thread>
#include <utility>

#include "admin/measure_views.h"
#include "base/clock.h"
#include "engine/fit.h"
#include "net/stop_group.h"
#include "obs/log.h"

namespace tidegate::app {
namespace {

Error Busy() {
  return Error{ErrorCode::kConflict, ErrorSource::kCaller, Retry::kSameTarget,
               "a model is being measured already, and two at a time would measure each other; try "
               "again when it has ended"};
}

Error Stopping() {
  Error error = Unavailable(ErrorSource::kGateway, "the gateway is shutting down");
  error.reason = "stopping";
  return error;
}

engine::Processors ProcessorsHere() {
  return {engine::EngineThreads(),
          static_cast<int>(std::max(1U, std::thread::hardware_concurrency()))};
}

}  // namespace

struct ModelBench::Job {
  std::string model_name;
  engine::BenchWishes bench = {};
  engine::TuneWishes tune = {};
  models::ProgressSink sink;
  net::CancelToken cancel = {};  // used on the shard
  std::optional<models::LocalModel> model = {};
  std::optional<engine::SpeedMeter> meter = {};
};

ModelBench::ModelBench(net::Shard& shard, engine::Engine& engine, models::Library& library,
                       ModelBenchOptions options)
    : shard_(shard),
      engine_(engine),
      library_(library),
      options_(std::move(options)),
      group_(shard.io()) {}

// With the draft that the engine found for it.
models::LocalModel ModelBench::AsServed(const models::LocalModel& model) const {
  const std::shared_ptr<const engine::Fitters> fitters = engine_.fitters();
  for (const std::shared_ptr<const engine::ModelFitter>& fitter : *fitters) {
    const bool same = fitter->model().name == model.name && fitter->model().path == model.path;
    if (same) return fitter->model();
  }
  return model;
}

Result<models::LocalModel> ModelBench::Find(const std::string& name) const {
  if (const std::shared_ptr<const models::LocalModel> model = library_.Find(name)) {
    if (model->metadata.pooling == models::GgufPooling::kNone) return AsServed(*model);
    return InvalidArgument("model", model->name +
                                        " does not write: it embeds or ranks, and what is "
                                        "measured here is writing");
  }
  if (options_.elsewhere(name)) {
    return InvalidArgument("model", "\"" + name +
                                        "\" does not run on this device: measuring it would cost "
                                        "money, or somebody else's time; `tidegate list` shows the "
                                        "models here");
  }
  return NotFound("there is no model \"" + name +
                  "\" on this device; `tidegate list` shows those that there are");
}

// With the settings of the model as it is usually loaded: a larger window makes none of its lengths
// slower.
core::SpeedProfile ModelBench::ProfileOf(const models::LocalModel& model,
                                         std::vector<core::SpeedPoint> points) const {
  const engine::ModelFit fit = engine::ModelFitter(model, engine_.policy()).standard();
  return {std::move(points), SystemClock().WallNanos() / kNanosPerSecond,
          engine::SettingsText(model, fit.settings, fit.slots())};
}

// --- bench ---

// Whoever talks to the model gets their conversations back: they are kept with the process that
// ends here, and one that is started to measure leaves none in their place.
Result<engine::BenchPlan> ModelBench::Prepare(const Job& job) {
  const engine::ModelFitter fitter(*job.model, engine_.policy());
  const core::MemoryFit& memory = fitter.standard().memory;
  const auto slots = [&fitter](std::int64_t window) { return fitter.WithWindow(window).slots(); };
  TIDEGATE_ASSIGN(engine::BenchPlan plan,
                  engine::PlanBench(job.bench, {fitter.standard().context_tokens(),
                                                memory.context_tokens_max, slots}));
  if (engine_.KeepsConversations()) engine_.Restart(*job.model);
  return plan;
}

net::Task<Result<engine::BenchReport>> ModelBench::MeasureSpeed(JobPtr job,
                                                                engine::BenchPlan plan) {
  const std::int64_t output_tokens = plan.output_tokens;
  job->meter->NeedWindow(plan.window_tokens);
  job->sink.step({"loading " + job->model->name});
  Result<void> warm = co_await job->meter->WarmUp(job->cancel);
  if (!warm.ok()) co_return std::move(warm).error();
  engine::MeasureRound measure = [job, output_tokens](engine::Cell cell, net::CancelToken& cancel) {
    return job->meter->Run(cell, output_tokens, cancel);
  };
  engine::TellStep tell = [job](std::string step) { job->sink.step({std::move(step)}); };
  co_return co_await engine::RunBench(shard_, std::move(plan), std::move(measure), std::move(tell),
                                      job->cancel);
}

net::Task<Result<std::string>> ModelBench::Bench(JobPtr job) {
  std::function<Result<engine::BenchPlan>()> prepare = [this, job] { return Prepare(*job); };
  Result<engine::BenchPlan> plan = co_await worker_.Run(shard_, std::move(prepare));
  if (!plan.ok()) co_return std::move(plan).error();
  const bool restarts = engine_.KeepsConversations() || plan->window_tokens > 0;
  Result<engine::BenchReport> report = co_await MeasureSpeed(job, *std::move(plan));
  std::optional<core::SpeedProfile> profile;
  std::function<Result<void>()> settle = [this, job, restarts, &report,
                                          &profile]() -> Result<void> {
    if (restarts) engine_.Restart(*job->model);
    if (!report.ok()) return {};
    profile = ProfileOf(*job->model, report->points);
    TIDEGATE_TRY(options_.book->KeepSpeed(*job->model, *profile));
    options_.changed();
    return {};
  };
  Result<void> kept = co_await worker_.Run(shard_, std::move(settle));
  if (!report.ok()) co_return std::move(report).error();
  if (!kept.ok()) co_return std::move(kept).error();
  co_return admin::EncodeBench(job->model->name, *report, *profile);
}

// --- tune ---

net::Task<Result<engine::TrialRounds>> ModelBench::MeasureRounds(JobPtr job, engine::TunePlan plan,
                                                                 net::CancelToken& cancel) {
  Result<void> warm = co_await job->meter->WarmUp(cancel);
  if (!warm.ok()) co_return std::move(warm).error();
  engine::TrialRounds rounds;
  for (int i = 0; i < plan.rounds; ++i) {
    Result<engine::Round> alone = co_await job->meter->Run(plan.alone, plan.output_tokens, cancel);
    if (!alone.ok()) co_return std::move(alone).error();
    rounds.alone.push_back(*std::move(alone));
    Result<engine::Round> together =
        co_await job->meter->Run(plan.together, plan.output_tokens, cancel);
    if (!together.ok()) co_return std::move(together).error();
    rounds.together.push_back(*std::move(together));
  }
  co_return rounds;
}

// Before it is tried: with more than there can ever be, others would be refused meanwhile.
Result<void> ModelBench::CheckMemory(const models::LocalModel& model,
                                     const engine::Tuning& tuning) const {
  engine::FitPolicy policy = engine_.policy();
  policy.child = engine::Tuned(policy.child, tuning);
  policy.child.tuning = nullptr;
  const engine::ModelFit fit = engine::ModelFitter(model, policy).standard();
  if (fit.memory.fits) return {};
  return Unavailable(ErrorSource::kEngine, fit.memory.why_not);
}

net::Task<Result<engine::TrialRounds>> ModelBench::MeasureTuning(JobPtr job, engine::TunePlan plan,
                                                                 engine::Tuning tuning,
                                                                 net::CancelToken& cancel) {
  std::function<Result<void>()> apply = [this, job, tuning]() -> Result<void> {
    TIDEGATE_TRY(CheckMemory(*job->model, tuning));
    options_.book->Try(job->model->name, tuning);
    engine_.Restart(*job->model);
    return {};
  };
  Result<void> applied = co_await worker_.Run(shard_, std::move(apply));
  if (!applied.ok()) co_return std::move(applied).error();
  const std::optional<core::LiveState> live = engine_.Live(job->model->name);
  if (live && !live->available) {
    co_return Unavailable(ErrorSource::kEngine, live->unavailable_why);
  }
  Result<engine::TrialRounds> rounds = co_await MeasureRounds(job, std::move(plan), cancel);
  // Somebody else's request met settings that the model cannot start with, and goes on without.
  if (rounds.ok() && !options_.book->Trying(job->model->name)) {
    co_return Unavailable(ErrorSource::kEngine, "the model does not start with these settings");
  }
  co_return rounds;
}

net::Task<Result<engine::TuneReport>> ModelBench::Search(JobPtr job, engine::TunePlan plan) {
  const engine::Tuning before = options_.book->KeptTuning(*job->model);
  engine::MeasureTuning measure = [this, job, plan](engine::Tuning tuning,
                                                    net::CancelToken& cancel) {
    return MeasureTuning(job, plan, std::move(tuning), cancel);
  };
  engine::TellStep tell = [job](std::string step) { job->sink.step({std::move(step)}); };
  Result<engine::TuneReport> report = co_await engine::RunTune(
      shard_, plan, before, std::move(measure), std::move(tell), job->cancel);
  // Whatever became of it, nothing that was only tried stays.
  std::function<Result<void>()> settle = [this, job, &report]() -> Result<void> {
    Result<void> kept;
    if (report.ok() && !(report->after == report->before)) {
      kept = options_.book->KeepTuning(*job->model, report->after);
    }
    options_.book->EndTrial(job->model->name);
    engine_.Restart(*job->model);
    if (report.ok() && kept.ok()) {
      // With the settings of before it is a little more of what was known of these.
      core::SpeedProfile speed = ProfileOf(*job->model, report->points);
      kept = report->after == report->before
                 ? options_.book->AddSpeed(*job->model, std::move(speed))
                 : options_.book->KeepSpeed(*job->model, std::move(speed));
    }
    options_.changed();
    return kept;
  };
  Result<void> settled = co_await worker_.Run(shard_, std::move(settle));
  if (!report.ok()) co_return std::move(report).error();
  if (!settled.ok()) co_return std::move(settled).error();
  co_return report;
}

Result<engine::TunePlan> ModelBench::PlanOf(const Job& job) const {
  engine::FitPolicy policy = engine_.policy();
  policy.child.tuning = nullptr;
  const engine::ModelFit untuned = engine::ModelFitter(*job.model, policy).standard();
  return engine::PlanTune(job.tune, untuned.settings, untuned.context_tokens(), untuned.slots(),
                          ProcessorsHere());
}

net::Task<Result<std::string>> ModelBench::Tune(JobPtr job) {
  std::function<Result<engine::TunePlan>()> prepare = [this, job] { return PlanOf(*job); };
  Result<engine::TunePlan> plan = co_await worker_.Run(shard_, std::move(prepare));
  if (!plan.ok()) co_return std::move(plan).error();
  const Result<engine::TuneReport> report = co_await Search(job, *std::move(plan));
  if (!report.ok()) co_return report.error();
  co_return admin::EncodeTune(job->model->name, job->tune.goal, *report);
}

net::Task<Result<std::string>> ModelBench::Reset(JobPtr job) {
  bool forgotten = false;
  std::function<Result<void>()> forget = [this, job, &forgotten]() -> Result<void> {
    TIDEGATE_ASSIGN(forgotten, options_.book->ForgetTuning(*job->model));
    if (forgotten) engine_.Restart(*job->model);
    if (forgotten) options_.changed();
    return {};
  };
  Result<void> done = co_await worker_.Run(shard_, std::move(forget));
  if (!done.ok()) co_return std::move(done).error();
  co_return admin::EncodeReset(job->model->name, forgotten);
}

// --- one at a time ---

net::Task<void> ModelBench::Do(JobPtr job, Run run) {
  Result<std::string> result = Stopping();
  {
    // Ends with the group, too.
    const net::CancelToken::Scope scope(group_.cancel(),
                                        [job] { job->cancel.Cancel(ErrorCode::kCancelled); });
    job->meter.emplace(engine_, shard_, job->model->name, ++runs_);
    result = co_await (this->*run)(job);
  }
  job->meter.reset();
  busy_ = false;  // first: who hears of the end may ask for the next
  if (!result.ok()) {
    job->sink.done(std::move(result).error());
    co_return;
  }
  models::Progress last{"success"};
  last.result = *std::move(result);
  job->sink.step(std::move(last));
  job->sink.done({});
}

std::function<void()> ModelBench::Begin(JobPtr job, Run run) {
  Result<models::LocalModel> model = Find(job->model_name);
  if (!model.ok()) {
    job->sink.done(std::move(model).error());
    return [] {};
  }
  if (busy_.exchange(true)) {
    job->sink.done(Busy());
    return [] {};
  }
  job->model = *std::move(model);
  shard_.Post([this, job, run] {
    if (group_.Spawn(Do(job, run))) return;
    busy_ = false;
    job->sink.done(Stopping());
  });
  return [this, job] { shard_.Post([job] { job->cancel.Cancel(ErrorCode::kCancelled); }); };
}

admin::MeasureWork ModelBench::Work() {
  admin::MeasureWork work;
  work.bench = [this](const admin::BenchRequest& request, models::ProgressSink sink) {
    const auto job = std::make_shared<Job>();
    job->model_name = request.model;
    job->bench = request.wishes;
    job->sink = std::move(sink);
    return Begin(job, &ModelBench::Bench);
  };
  work.tune = [this](const admin::TuneRequest& request, models::ProgressSink sink) {
    const auto job = std::make_shared<Job>();
    job->model_name = request.model;
    job->tune = request.wishes;
    job->sink = std::move(sink);
    return Begin(job, request.reset ? &ModelBench::Reset : &ModelBench::Tune);
  };
  return work;
}

void ModelBench::Stop() { net::StopGroup(shard_, group_); }

}  // namespace tidegate::app
