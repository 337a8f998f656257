#include "admin/measure_api.h"

#include <utility>

#include "admin/read_request.h"
#include "admin/views.h"

namespace tidegate::admin {
namespace {

constexpr std::string_view kBench = "/tidegate/models/bench";
constexpr std::string_view kTune = "/tidegate/models/tune";

constexpr Route kRoutes[] = {{kBench, policy::Scope::kModelsWrite},
                             {kTune, policy::Scope::kModelsWrite}};

}  // namespace

std::span<const Route> MeasureApi::Routes() { return kRoutes; }

bool MeasureApi::Owns(std::string_view path) { return path == kBench || path == kTune; }

net::Task<Result<void>> MeasureApi::Bench(net::Exchange& exchange) {
  const Result<BenchRequest> request =
      co_await ReadRequest(exchange, kMeasureBodyBytesMax, ReadBench);
  if (!request.ok()) co_return request.error();
  StartWork start = [this, asked = *request](models::ProgressSink sink) {
    return work_.bench(asked, std::move(sink));
  };
  co_await AnswerWithProgress(exchange, std::move(start), Telling::kEveryStep, OwnErrors());
  co_return Result<void>();
}

net::Task<Result<void>> MeasureApi::Tune(net::Exchange& exchange) {
  const Result<TuneRequest> request =
      co_await ReadRequest(exchange, kMeasureBodyBytesMax, ReadTune);
  if (!request.ok()) co_return request.error();
  StartWork start = [this, asked = *request](models::ProgressSink sink) {
    return work_.tune(asked, std::move(sink));
  };
  co_await AnswerWithProgress(exchange, std::move(start), Telling::kEveryStep, OwnErrors());
  co_return Result<void>();
}

net::Task<void> MeasureApi::Handle(net::Exchange& exchange, const policy::Principal& caller) {
  if (exchange.head().method() != "POST") {
    co_return co_await AnswerUsePost(exchange, "this measures: use POST");
  }
  const Result<void> may = policy::RequireScope(caller, policy::Scope::kModelsWrite);
  Result<void> done;
  if (!may.ok()) {
    done = may.error();
  } else if (exchange.head().path() == kBench) {
    done = co_await Bench(exchange);
  } else {
    done = co_await Tune(exchange);
  }
  if (!done.ok()) co_await AnswerProgressError(exchange, done.error(), OwnErrors());
}

}  // namespace tidegate::admin
