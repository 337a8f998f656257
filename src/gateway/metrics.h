// What the gateway counts of the requests that it answers.
//
// Each shard counts in cells of its own (obs/metrics.h). What is counted of a model hangs at the
// inventory, so that counting looks nothing up; it outlives inventories, so that no sum is lost
// when a server's list changes. Nothing a caller chooses becomes the name of a series.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "core/decision.h"
#include "core/deployment.h"
#include "core/protocol.h"
#include "obs/metrics.h"
#include "obs/metrics_text.h"
#include "protocols/route.h"

namespace tidegate::gateway {

class Inventory;

// Models that are told apart; those beyond are counted together.
inline constexpr std::size_t kModelSeriesMax = 4'096;

inline constexpr std::size_t kWorkKinds =
    static_cast<std::size_t>(protocols::Operation::kCountTokens) + 1;
inline constexpr std::size_t kStatusClasses = 4;  // 2xx to 5xx
inline constexpr std::size_t kOutcomes =
    static_cast<std::size_t>(core::AttemptOutcome::kNotSent) + 1;
inline constexpr std::size_t kErrorCodes = static_cast<std::size_t>(ErrorCode::kInternal) + 1;
inline constexpr std::size_t kErrorSources = static_cast<std::size_t>(ErrorSource::kUpstream) + 1;
inline constexpr std::size_t kRejectReasons =
    static_cast<std::size_t>(core::RejectReason::kKeyPlace) + 1;

// Of one model, on one shard.
struct ModelCells {
  void CountRequest(core::Protocol protocol, protocols::Operation operation,
                    const core::DecisionRecord& record);
  void CountAttempt(const core::AttemptRecord& attempt);

  using ByStatus = std::array<obs::Cell, kStatusClasses>;
  // By protocol, then by kind of work.
  std::array<std::array<ByStatus, kWorkKinds>, core::kProtocols> requests;
  obs::DurationCells duration, first_content;
  std::array<obs::Cell, kOutcomes> attempts;
  obs::Cell input_tokens, cached_read_tokens, cached_write_tokens, output_tokens;
  obs::Cell cost_nanodollars, assumed_nanodollars;
  obs::Cell breaker_opened;
};

// Of one model. Memory is taken when a shard counts the first time.
class ModelSeries {
 public:
  ModelSeries(std::string provider, std::string model, std::string place, std::size_t shards);
  ModelSeries(const ModelSeries&) = delete;
  ModelSeries& operator=(const ModelSeries&) = delete;

  // Called on that shard only.
  ModelCells& On(std::size_t shard) {
    ModelCells* cells = shards_[shard].cells.load(std::memory_order_relaxed);
    return cells != nullptr ? *cells : Make(shard);
  }
  // Those of all shards that have counted; from any thread.
  std::vector<const ModelCells*> Used() const;

  const std::string provider, model, place;

 private:
  struct Slot {
    Slot() = default;
    ~Slot() { delete cells.load(std::memory_order_relaxed); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    std::atomic<ModelCells*> cells{nullptr};
  };
  ModelCells& Make(std::size_t shard);
  std::vector<Slot> shards_;
};

// What is no model's, on one shard.
struct alignas(64) ShardCells {
  void CountError(const Error& error) {
    errors[static_cast<std::size_t>(error.code)][static_cast<std::size_t>(error.source)].Add();
  }
  obs::Cell begun, ended;                  // requests for a model
  obs::Cell streams_begun, streams_ended;  // answers that are streamed
  // Requests that ended with an error, by its code and whose fault it was.
  std::array<std::array<obs::Cell, kErrorSources>, kErrorCodes> errors;
  // Attempts that failed and that another one followed, by why.
  std::array<obs::Cell, kErrorCodes> fallbacks;
  // Models that were asked for, or could have been, and were not eligible, by why.
  std::array<obs::Cell, kRejectReasons> rejections;
};

// Thread-safe, but for cells, which are their shard's.
class Metrics {
 public:
  explicit Metrics(std::size_t shards);

  ShardCells& On(std::size_t shard) { return shards_[shard]; }
  // Of requests that no model was tried for.
  ModelSeries& none() { return none_; }
  // Lives as long as this.
  ModelSeries& Of(const core::Deployment& deployment);

  // Requests for a model that have begun, and that are on their way.
  std::int64_t Requests() const;
  std::int64_t InFlight() const;
  // Everything, and what the inventory's breakers say at this (monotonic) moment.
  void Write(Inventory& inventory, std::int64_t now, obs::MetricsText& out) const;

 private:
  std::vector<const ModelSeries*> Series() const;

  std::vector<ShardCells> shards_;
  ModelSeries none_, other_;
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<ModelSeries>, std::less<>> models_;  // guarded by mutex_
};

}  // namespace tidegate::gateway
