// The local models as the planner sees them.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/deployment.h"
#include "engine/fit.h"
#include "models/local_models.h"

namespace tidegate::engine {

inline constexpr std::string_view kLocalProvider = "local";

// One deployment per model, at Place::kDevice and for nothing. What a model is there for, its file
// says: to chat, to embed or to rank. Also of those that do not fit this machine.
//
// `speed_of`: what was measured of a model with what it gets here, or null; may be empty.
using SpeedLookup = std::function<std::shared_ptr<const core::SpeedProfile>(
    const models::LocalModel& model, const ModelFit& fit)>;
std::vector<core::Deployment> MakeDeployments(const Fitters& fitters,
                                              const SpeedLookup& speed_of = {});

}  // namespace tidegate::engine
