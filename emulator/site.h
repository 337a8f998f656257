// What all requests of one emulator share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "emulator/job_store.h"
#include "emulator/journal.h"
#include "emulator/load_mock.h"
#include "emulator/model.h"
#include "emulator/prefix_cache.h"
#include "emulator/rate_limit.h"
#include "emulator/response_store.h"

namespace tidegate::emulator {

// A model and what changes while it is served. Thread-safe.
class ServedModel {
 public:
  ServedModel(Model model, std::unique_ptr<LoadMock> load_mock)
      : model_(std::move(model)),
        load_mock_(std::move(load_mock)),
        limit_(model_.requests_per_minute_max, model_.concurrent_max, model_.tokens_per_minute_max),
        prefixes_(model_.cache_tokens_min) {}

  const Model& model() const { return model_; }
  LoadMock* load_mock() const { return load_mock_.get(); }  // nullptr = none
  bool IsServedAs(std::string_view shape) const;

  RateLimit::Decision Admit(std::int64_t now_nanos);
  void Leave(std::int64_t tokens);
  CacheUse UseCache(const ChatRequest& request);
  // The model's own faults and those of the admin call.
  Faults CurrentFaults() const;
  void SetFaults(const Faults& faults);  // replaces those of an earlier call
  // Whether the next request fails under `error_rate`: the same sequence after every reset.
  bool DrawError(double error_rate);
  void Reset();

 private:
  const Model model_;
  const std::unique_ptr<LoadMock> load_mock_;
  mutable std::mutex mutex_;
  RateLimit limit_;
  PrefixCache prefixes_;
  Faults faults_;
  std::uint64_t draws_ = 0;
};

struct SiteOptions {
  bool journal_bodies = false;
  bool wire = false;  // clients come over a Wire
};

// Thread-safe; outlives all exchanges.
struct Site {
  Site(std::vector<std::unique_ptr<ServedModel>> all, SiteOptions with, const Clock& time)
      : models(std::move(all)), options(with), clock(time) {}
  ServedModel* FindModel(std::string_view name) const;
  void Reset();

  const std::vector<std::unique_ptr<ServedModel>> models;
  const SiteOptions options;
  const Clock& clock;
  Journal journal;
  ResponseStore responses;
  mutable JobStore jobs;  // a request is kept while it is read
  std::atomic<bool> down = false;
  std::atomic<std::uint64_t> answers = 0;  // numbers the ids of answers
};

// One for each model. Errors: kInvalidArgument (two models of one name; a load mock that cannot be
// rendered).
Result<std::vector<std::unique_ptr<ServedModel>>> MakeServedModels(std::vector<Model> models);

}  // namespace tidegate::emulator
