// Everything a request can be sent to: the planner's facts beside the sender's, and what is learned
// while running.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/deployment.h"
#include "dispatch/breaker.h"
#include "dispatch/target.h"
#include "engine/engine.h"
#include "plan/estimator.h"
#include "plan/name_index.h"
#include "protocols/dialect.h"

namespace tidegate::gateway {

// What stands behind deployment i of the inventory.
struct Route {
  dispatch::Target
      target;  // for engine models: name, protocol and place; the rest comes with the lease
  std::string engine_model;    // not empty: leased from the engine
  protocols::Dialect dialect;  // the provider's
};

class Metrics;
class ModelSeries;

// Built once; deployments and routes never change, breakers and estimates do. Thread-safe.
class Inventory {
 public:
  // What was learned of a deployment in `previous`, which may be null, stays known, and both go on
  // learning it together. REQUIRES: as many routes as deployments. `engine` may be null when no
  // route needs it; it must outlive the inventory.
  Inventory(std::vector<core::Deployment> deployments, std::vector<Route> routes,
            engine::Engine* engine, const Inventory* previous = nullptr);

  const std::vector<core::Deployment>& deployments() const { return deployments_; }
  const Route& route(std::size_t i) const { return routes_[i]; }
  dispatch::Breaker& breaker(std::size_t i) { return *breakers_[i]; }
  plan::Estimator& estimator() { return estimator_; }
  const plan::NameIndex& names() const { return names_; }
  engine::Engine* engine() const { return engine_; }

  // Where deployment i is counted; null before CountIn. The metrics outlive the inventory.
  ModelSeries* series(std::size_t i) const { return series_.empty() ? nullptr : series_[i]; }
  // Before anybody sees it.
  void CountIn(Metrics& metrics);

  // What is known of every deployment at this (monotonic) moment.
  void ReadLive(std::int64_t now, std::vector<core::LiveState>& out) const;

 private:
  std::vector<core::Deployment> deployments_;
  std::vector<Route> routes_;
  std::vector<std::shared_ptr<dispatch::Breaker>> breakers_;
  std::vector<ModelSeries*> series_;
  plan::Estimator estimator_;
  plan::NameIndex names_;
  engine::Engine* engine_;
};

// One shard's copy of the live states, renewed when it is older than kLiveViewAgeMax or was
// invalidated: planning a request must not cost a walk through every engine and breaker. Not
// thread-safe.
class LiveView {
 public:
  // REQUIRES: Invalidate was called since another inventory was given.
  std::span<const core::LiveState> At(const Inventory& inventory, std::int64_t now);
  void Invalidate() { read_at_ = 0; }

 private:
  std::vector<core::LiveState> states_;
  std::int64_t read_at_ = 0;
};

}  // namespace tidegate::gateway
