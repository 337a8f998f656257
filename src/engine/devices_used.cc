#include "engine/devices_used.h"

namespace tidegate::engine {

std::string DeviceUsed(std::string_view line) {
  constexpr std::string_view kSays = " model buffer size =";
  const std::size_t end = line.find(kSays);
  if (end == line.npos) return "";
  line = line.substr(0, end);
  const std::size_t begin = line.find_last_of(' ');
  line.remove_prefix(begin == line.npos ? 0 : begin + 1);
  // "CUDA0_Split" is of CUDA0. What the host lends to devices is the host's: "CUDA_Host".
  if (line.starts_with("CPU") || line.ends_with("_Host")) return "";
  return std::string(line.substr(0, line.find('_')));
}

}  // namespace tidegate::engine
