// What this machine gives to local models.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/devices.h"

namespace tidegate::engine {

// Kept free on each graphics device for the driver and the display: as much as llama-server's own
// --fit-target.
inline constexpr std::uint64_t kDeviceReserveBytes = 1024ULL * 1024 * 1024;

struct Machine {
  std::uint64_t host_bytes = 0;  // for all local models together; 0 = no limit is known
  std::vector<GraphicsDevice> devices;
  bool require_gpu = false;          // no model runs without a graphics device
  std::string devices_why_not = {};  // llama-server could not list them; empty = it could
};

// What models may hold where nobody says: three quarters of the memory, or all but 8 GiB where that
// is more. Of all that there is, not of what is free at this moment: the same model gets the same
// window at every start, and what others hold now they may give back. The quarter is for them.
std::uint64_t HostBudget(const HostMemory& host);

// Of all devices together, their reserves not counted.
std::uint64_t DeviceBudget(const std::vector<GraphicsDevice>& devices);

}  // namespace tidegate::engine
