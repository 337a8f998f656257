// POST /tidegate/models/bench and /tidegate/models/tune: measuring the models of this device.
//
// Only callers that may manage models may: measuring takes the machine for minutes, and tuning
// restarts a model that others use.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "admin/api.h"
#include "admin/measure_requests.h"
#include "admin/progress_stream.h"
#include "models/model_work.h"
#include "net/async.h"
#include "net/server.h"
#include "policy/principal.h"

namespace tidegate::admin {

// Who does it. Quick and thread-safe: they start the work and return what ends it. The last step's
// `result` is what docs/admin_api.md describes.
struct MeasureWork {
  std::function<std::function<void()>(const BenchRequest&, models::ProgressSink)> bench;
  std::function<std::function<void()>(const TuneRequest&, models::ProgressSink)> tune;
};

// Thread-safe. REQUIRES: outlives the requests.
class MeasureApi {
 public:
  explicit MeasureApi(MeasureWork work) : work_(std::move(work)) {}

  static std::span<const Route> Routes();
  static bool Owns(std::string_view path);
  // REQUIRES: Owns(path).
  net::Task<void> Handle(net::Exchange& exchange, const policy::Principal& caller);

 private:
  net::Task<Result<void>> Bench(net::Exchange& exchange);
  net::Task<Result<void>> Tune(net::Exchange& exchange);
  const MeasureWork work_;
};

}  // namespace tidegate::admin
