// Measuring and tuning the models of this device when a caller asks for it: which model is meant,
// one measurement at a time, and what is kept of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "admin/measure_api.h"
#include "base/result.h"
#include "engine/bench_run.h"
#include "engine/engine.h"
#include "engine/profile_book.h"
#include "engine/speed_meter.h"
#include "engine/tune.h"
#include "models/library.h"
#include "net/async.h"
#include "net/shard.h"
#include "net/task_group.h"
#include "net/worker.h"

namespace tidegate::app {

struct ModelBenchOptions {
  std::shared_ptr<engine::ProfileBook> book;
  // Whether a provider has a model of this name. Thread-safe.
  std::function<bool(const std::string& name)> elsewhere;
  // What is known of the models has changed. Called on a thread that may block.
  std::function<void()> changed;
};

// REQUIRES: Stop before it is destroyed, from a thread that is no shard and while the shard runs;
// engine and library outlive it.
class ModelBench {
 public:
  ModelBench(net::Shard& shard, engine::Engine& engine, models::Library& library,
             ModelBenchOptions options);

  // What the API calls; lives as long as this.
  admin::MeasureWork Work();
  // Ends what is under way.
  void Stop();

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  using Run = net::Task<Result<std::string>> (ModelBench::*)(JobPtr);

  std::function<void()> Begin(JobPtr job, Run run);
  net::Task<void> Do(JobPtr job, Run run);
  net::Task<Result<std::string>> Bench(JobPtr job);
  net::Task<Result<std::string>> Tune(JobPtr job);
  net::Task<Result<std::string>> Reset(JobPtr job);
  net::Task<Result<engine::BenchReport>> MeasureSpeed(JobPtr job, engine::BenchPlan plan);
  net::Task<Result<engine::TuneReport>> Search(JobPtr job, engine::TunePlan plan);
  net::Task<Result<engine::TrialRounds>> MeasureTuning(JobPtr job, engine::TunePlan plan,
                                                       engine::Tuning tuning,
                                                       net::CancelToken& cancel);
  net::Task<Result<engine::TrialRounds>> MeasureRounds(JobPtr job, engine::TunePlan plan,
                                                       net::CancelToken& cancel);
  Result<engine::BenchPlan> Prepare(const Job& job);
  Result<engine::TunePlan> PlanOf(const Job& job) const;
  Result<void> CheckMemory(const models::LocalModel& model, const engine::Tuning& tuning) const;
  models::LocalModel AsServed(const models::LocalModel& model) const;
  Result<models::LocalModel> Find(const std::string& name) const;
  // Reads from the disk, as all above that return no task.
  core::SpeedProfile ProfileOf(const models::LocalModel& model,
                               std::vector<core::SpeedPoint> points) const;

  net::Shard& shard_;
  engine::Engine& engine_;
  models::Library& library_;
  const ModelBenchOptions options_;
  std::atomic<bool> busy_ = false;
  std::atomic<std::uint64_t> runs_ = 0;
  net::Worker worker_;
  net::TaskGroup group_;
};

}  // namespace tidegate::app
