#include "gateway/inventory.h"

#include "base/check.h"
#include "gateway/limits.h"

namespace tidegate::gateway {

Inventory::Inventory(std::vector<core::Deployment> deployments, std::vector<Route> routes,
                     engine::Engine* engine)
    : deployments_(std::move(deployments)),
      routes_(std::move(routes)),
      breakers_(std::make_unique<dispatch::Breaker[]>(deployments_.size())),
      estimator_(deployments_.size()),
      engine_(engine) {
  CHECK(deployments_.size() == routes_.size());
  for (const Route& route : routes_) CHECK(route.engine_model.empty() || engine_ != nullptr);
}

void Inventory::ReadLive(std::int64_t now, std::vector<core::LiveState>& out) const {
  out.resize(deployments_.size());
  for (std::size_t i = 0; i < deployments_.size(); ++i) {
    core::LiveState state;
    if (!routes_[i].engine_model.empty()) {
      if (auto live = engine_->Live(routes_[i].engine_model)) state = *std::move(live);
    }
    if (const std::int64_t open = breakers_[i].OpenFor(now); open > 0) {
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
