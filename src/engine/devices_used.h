// Whether a process computes where it was meant to.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidegate::engine {

inline constexpr std::size_t kOutputLineBytesMax = 4 * 1024;  // of a line that is read for devices

// After a change of drivers a process may serve from the processor alone, and nobody would notice
// but by waiting. So it has to say where it put the weights: the device that a line of its output
// names, as "load_tensors:        CUDA0 model buffer size =  4403.49 MiB"; "" for other lines and
// for the host's memory.
std::string DeviceUsed(std::string_view line);

}  // namespace tidegate::engine
