// An amount of this machine's memory: of the host, and of its graphics devices together.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tidegate::engine {

struct MemoryAmount {
  std::uint64_t host = 0;
  std::uint64_t device = 0;

  MemoryAmount() = default;
  // Implicit: most models are on the host alone.
  MemoryAmount(std::uint64_t host_in, std::uint64_t device_in = 0)  // NOLINT(runtime/explicit)
      : host(host_in), device(device_in) {}

  bool none() const { return host == 0 && device == 0; }
  bool FitsInto(const MemoryAmount& room) const {
    return host <= room.host && device <= room.device;
  }
  MemoryAmount& operator+=(const MemoryAmount& other) {
    host += std::min(other.host, ~host);
    device += std::min(other.device, ~device);
    return *this;
  }
  // What is left of it, nothing where the other is more.
  MemoryAmount Less(const MemoryAmount& other) const {
    return {host - std::min(host, other.host), device - std::min(device, other.device)};
  }
  std::uint64_t Total() const { return host + std::min(device, ~host); }
  friend MemoryAmount operator+(MemoryAmount a, const MemoryAmount& b) { return a += b; }
  friend bool operator==(const MemoryAmount&, const MemoryAmount&) = default;
};

}  // namespace tidegate::engine
