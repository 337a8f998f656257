#include "core/deployment.h"

#include <cstdio>
#include <utility>

namespace tidegate::core {

std::string ParametersText(std::uint64_t parameters) {
  constexpr std::pair<double, const char*> kSteps[] = {{1e9, "B"}, {1e6, "M"}, {1e3, "K"}};
  for (const auto& [size, letter] : kSteps) {
    const double value = static_cast<double>(parameters) / size;
    if (value < 1) continue;
    char text[32];
    const int length = std::snprintf(text, sizeof text, "%.1f%s", value, letter);
    return {text, static_cast<std::size_t>(length)};
  }
  return std::to_string(parameters);
}

}  // namespace tidegate::core
