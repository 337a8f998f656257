// What this machine has for models: its memory, and the graphics devices that llama-server sees.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/locator.h"

namespace tidegate::engine {

inline constexpr std::size_t kDevicesMax = 64;
inline constexpr std::size_t kDeviceNameBytesMax = 256;
inline constexpr std::size_t kDeviceListBytesMax = 64 * 1024;

struct GraphicsDevice {
  std::string id;           // as --device takes it: "CUDA0"
  std::string description;  // "NVIDIA GeForce RTX 3090"
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
};

// Of the output of `llama-server --list-devices`, in its order; none where there is only the CPU.
// Errors: kProtocol when it lists no devices and does not say that there are none, or names more
// than kDevicesMax.
Result<std::vector<GraphicsDevice>> ParseDeviceList(std::string_view output);

// Blocks for one run of llama-server, which starts the drivers: up to seconds. Errors: kUnavailable
// with reason "engine_broken"; those of ParseDeviceList; "engine_too_old" when it has no
// --list-devices.
Result<std::vector<GraphicsDevice>> ListDevices(const EngineBinary& binary);

struct HostMemory {
  std::uint64_t total_bytes = 0;
  // What new processes can have without anything being swapped out: the kernel's own estimate, or
  // what the control groups of this process leave of it.
  std::uint64_t available_bytes = 0;
  bool limited = false;  // by a control group
  // All that there is, or what the control groups allow of it.
  std::uint64_t limit_bytes = 0;
};

// Reads /proc and /sys below `root`, "" outside of tests. Errors: kUnavailable when the kernel does
// not say.
Result<HostMemory> ReadHostMemory(const std::string& root = "");

}  // namespace tidegate::engine
