// Whether a process computes where it was meant to.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "models/local_models.h"

namespace tidegate::engine {

inline constexpr std::size_t kOutputLineBytesMax = 4 * 1024;  // of a line that is read for devices

// After a change of drivers a process may serve from the processor alone, and nobody would notice
// but by waiting. Plain data; both functions are called on the engine's shard.
struct DeviceCheck {
  // How many devices `model` is meant to use; no check where this is empty or says 0.
  std::function<int(const models::LocalModel& model)> planned = {};
  // How many devices a line of its output says it uses; nothing for other lines. The most counts.
  std::function<std::optional<int>(std::string_view line)> used = {};
  bool required = false;  // with fewer it does not serve at all, instead of being called degraded
};

}  // namespace tidegate::engine
