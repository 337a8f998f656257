#include "engine/machine.h"

#include <algorithm>

namespace tidegate::engine {
namespace {

constexpr std::uint64_t kReserveBytesMax = 8ULL << 30U;

}  // namespace

std::uint64_t HostBudget(const HostMemory& host) {
  return host.limit_bytes - std::min(host.limit_bytes / 4, kReserveBytesMax);
}

std::uint64_t DeviceBudget(const std::vector<GraphicsDevice>& devices) {
  std::uint64_t bytes = 0;
  for (const GraphicsDevice& device : devices) {
    bytes += device.free_bytes - std::min(device.free_bytes, kDeviceReserveBytes);
  }
  return bytes;
}

}  // namespace tidegate::engine
