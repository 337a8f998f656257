#include "gateway/metrics.h"

#include <algorithm>
#include <utility>

#include "gateway/inventory.h"

namespace tidegate::gateway {
namespace {

constexpr std::string_view kNone = "none";
constexpr std::string_view kOther = "other";

std::size_t ClassOf(int status) {
  return static_cast<std::size_t>(std::clamp(status / 100 - 2, 0, 3));
}

}  // namespace

void ModelCells::CountRequest(core::Protocol protocol, protocols::Operation operation,
                              const core::DecisionRecord& record) {
  requests[static_cast<std::size_t>(protocol)][static_cast<std::size_t>(operation)]
          [ClassOf(record.status)]
              .Add();
  duration.Observe(record.total_us);
  if (record.attempts.empty()) return;
  const core::AttemptRecord& last = record.attempts.back();
  if (last.ttft_us > 0) first_content.Observe(last.started_us + last.ttft_us);
}

void ModelCells::CountAttempt(const core::AttemptRecord& attempt) {
  attempts[static_cast<std::size_t>(attempt.outcome)].Add();
  input_tokens.Add(attempt.usage.input_tokens);
  cached_read_tokens.Add(attempt.usage.cached_read_tokens);
  cached_write_tokens.Add(attempt.usage.cached_write_tokens);
  output_tokens.Add(attempt.usage.output_tokens);
  cost_nanodollars.Add(attempt.cost.nanodollars);
  if (attempt.assumed) assumed_nanodollars.Add(attempt.cost.nanodollars);
}

ModelSeries::ModelSeries(std::string provider_in, std::string model_in, std::string place_in,
                         std::size_t shards)
    : provider(std::move(provider_in)),
      model(std::move(model_in)),
      place(std::move(place_in)),
      shards_(shards) {}

ModelCells& ModelSeries::Make(std::size_t shard) {
  auto* const made = new ModelCells;
  shards_[shard].cells.store(made, std::memory_order_release);
  return *made;
}

std::vector<const ModelCells*> ModelSeries::Used() const {
  std::vector<const ModelCells*> used;
  for (const Slot& slot : shards_) {
    const ModelCells* const cells = slot.cells.load(std::memory_order_acquire);
    if (cells != nullptr) used.push_back(cells);
  }
  return used;
}

Metrics::Metrics(std::size_t shards)
    : shards_(shards),
      none_(std::string(kNone), std::string(kNone), std::string(kNone), shards),
      other_(std::string(kOther), std::string(kOther), std::string(kOther), shards) {}

ModelSeries& Metrics::Of(const core::Deployment& deployment) {
  std::string place(core::ToString(deployment.place));
  const std::string key = deployment.ref.ToString() + ' ' + place;
  const std::lock_guard lock(mutex_);
  const auto known = models_.find(key);
  if (known != models_.end()) return *known->second;
  if (models_.size() >= kModelSeriesMax) return other_;
  auto made = std::make_unique<ModelSeries>(deployment.ref.provider, deployment.ref.model,
                                            std::move(place), shards_.size());
  return *models_.emplace(key, std::move(made)).first->second;
}

std::vector<const ModelSeries*> Metrics::Series() const {
  std::vector<const ModelSeries*> series = {&none_, &other_};
  const std::lock_guard lock(mutex_);
  for (const auto& [key, model] : models_) series.push_back(model.get());
  std::erase_if(series, [](const ModelSeries* one) { return one->Used().empty(); });
  return series;
}

std::int64_t Metrics::Requests() const {
  std::int64_t sum = 0;
  for (const ShardCells& shard : shards_) sum += shard.begun.value();
  return sum;
}

std::int64_t Metrics::InFlight() const {
  std::int64_t sum = 0;
  for (const ShardCells& shard : shards_) {
    const std::int64_t ended = shard.ended.value();  // first: no more of them than have begun
    sum += shard.begun.value() - ended;
  }
  return sum;
}

}  // namespace tidegate::gateway
