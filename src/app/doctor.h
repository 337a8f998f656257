// `tidegate doctor`: what works here, what does not, and what to do about it.
#pragma once

#include <string>
#include <vector>

#include "app/config.h"
#include "cli/services.h"

namespace tidegate::app {

std::vector<cli::Check> RunDoctor(const Environment& environment);
cli::ConfigReport CheckConfig(const std::string& path, const Environment& environment);
cli::EngineReport EngineStatus(const Environment& environment);

}  // namespace tidegate::app
