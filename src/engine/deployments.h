// The local models as the planner sees them.
#pragma once

#include <string_view>
#include <vector>

#include "core/deployment.h"
#include "engine/fit.h"
#include "models/local_models.h"

namespace tidegate::engine {

inline constexpr std::string_view kLocalProvider = "local";

// One deployment per model, at Place::kDevice and for nothing. What a model is there for, its file
// says: to chat, to embed or to rank. Also of those that do not fit this machine.
std::vector<core::Deployment> MakeDeployments(const std::vector<models::LocalModel>& models,
                                              const FitPolicy& policy);

}  // namespace tidegate::engine
