// What `tidegate doctor` says of the memory and the graphics devices that local models get.
#pragma once

#include <vector>

#include "app/config.h"
#include "cli/services.h"
#include "engine/locator.h"
#include "models/local_models.h"

namespace tidegate::app {

// Asks llama-server for its devices, which takes up to seconds.
std::vector<cli::Check> CheckMachine(const Config& config, const engine::EngineBinary& binary,
                                     const std::vector<models::LocalModel>& models);

}  // namespace tidegate::app
