#include "gateway/inventory.h"

#include <map>

#include "base/check.h"
#include "gateway/limits.h"
#include "gateway/metrics.h"

namespace tidegate::gateway {

Inventory::Inventory(std::vector<core::Deployment> deployments, std::vector<Route> routes,
                     engine::Engine* engine, const Inventory* previous)
    : deployments_(std::move(deployments)),
      routes_(std::move(routes)),
      estimator_(deployments_.size()),
      names_(deployments_),
      engine_(engine) {
  CHECK(deployments_.size() == routes_.size());
  for (const Route& route : routes_) CHECK(route.engine_model.empty() || engine_ != nullptr);
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; previous != nullptr && i < previous->deployments_.size(); ++i) {
    known.emplace(previous->deployments_[i].ref.ToString(), i);
  }
  for (std::size_t i = 0; i < deployments_.size(); ++i) {
    const auto before = known.find(deployments_[i].ref.ToString());
    if (before == known.end()) {
      breakers_.push_back(std::make_shared<dispatch::Breaker>());
    } else {
      breakers_.push_back(previous->breakers_[before->second]);
      estimator_.Share(i, previous->estimator_, before->second);
    }
  }
}

void Inventory::CountIn(Metrics& metrics) {
  series_.clear();
  for (const core::Deployment& deployment : deployments_) {
    series_.push_back(&metrics.Of(deployment));
  }
}

void Inventory::ReadLive(std::int64_t now, std::vector<core::LiveState>& out) const {
  out.resize(deployments_.size());
  for (std::size_t i = 0; i < deployments_.size(); ++i) {
    core::LiveState state;
    if (!routes_[i].engine_model.empty()) {
      if (auto live = engine_->Live(routes_[i].engine_model)) state = *std::move(live);
    }
    if (const std::int64_t open = breakers_[i]->OpenFor(now); open > 0) {
      state.available = false;
      state.unavailable_why = "it failed repeatedly and is left alone for another " +
                              std::to_string(open / 1'000'000'000 + 1) + " s";
    }
    estimator_.Snapshot(i, state);
    out[i] = std::move(state);
  }
}

std::span<const core::LiveState> LiveView::At(const Inventory& inventory, std::int64_t now) {
  if (read_at_ == 0 || now - read_at_ > kLiveViewAgeMax) {
    inventory.ReadLive(now, states_);
    read_at_ = now;
  }
  return states_;
}

}  // namespace tidegate::gateway
