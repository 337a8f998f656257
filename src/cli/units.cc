#include "cli/units.h"

#include <cstdlib>

#include <fmt/format.h>

namespace tidegate::cli {

std::string FormatDuration(std::int64_t micros) {
  constexpr std::int64_t kMs = 1'000;
  constexpr std::int64_t kSecond = 1'000'000;
  constexpr std::int64_t kMinute = 60 * kSecond;
  constexpr std::int64_t kHour = 60 * kMinute;
  if (micros < kMs) return fmt::format("{} µs", micros);
  if (micros < kSecond) return fmt::format("{} ms", micros / kMs);
  if (micros < kMinute) return fmt::format("{:.2f} s", static_cast<double>(micros) / kSecond);
  if (micros < kHour) {
    return fmt::format("{} m {:02} s", micros / kMinute, micros % kMinute / kSecond);
  }
  return fmt::format("{} h {:02} m", micros / kHour, micros % kHour / kMinute);
}

std::string FormatCount(std::int64_t count) {
  std::string digits = std::to_string(count);
  const std::size_t sign = count < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > sign + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string FormatBytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit > 0 && value < 10 ? 1 : 0, kUnits[unit]);
}

std::string FormatDollars(Money money) {
  const std::string text = FormatUsd(money);
  return text.starts_with('-') ? "-$" + text.substr(1) : "$" + text;
}

std::string FormatRate(std::int64_t tokens, std::int64_t micros) {
  if (tokens <= 0 || micros <= 0) return "";
  return fmt::format("{:.1f} tokens/s",
                     static_cast<double>(tokens) * 1e6 / static_cast<double>(micros));
}

}  // namespace tidegate::cli
