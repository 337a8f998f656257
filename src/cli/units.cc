#include "cli/units.h"

#include <string_view>

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

std::string FormatGoDuration(std::int64_t nanos) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  // Without the zeros at the end of a fraction.
  const auto fraction = [](std::int64_t value, std::int64_t unit, std::string_view name) {
    std::string text = std::to_string(value / unit);
    if (value % unit != 0) {
      std::string digits = std::to_string(unit + value % unit).substr(1);
      while (digits.ends_with('0')) digits.pop_back();
      text += "." + digits;
    }
    return text + std::string(name);
  };
  if (nanos < 0) return "-" + FormatGoDuration(nanos == INT64_MIN ? INT64_MAX : -nanos);
  if (nanos == 0) return "0s";
  if (nanos < 1'000) return std::to_string(nanos) + "ns";
  if (nanos < 1'000'000) return fraction(nanos, 1'000, "µs");
  if (nanos < kSecond) return fraction(nanos, 1'000'000, "ms");
  std::string out;
  const std::int64_t minutes = nanos / kSecond / 60;
  if (minutes >= 60) out += std::to_string(minutes / 60) + "h";
  if (minutes > 0) out += std::to_string(minutes % 60) + "m";
  return out + fraction(nanos - minutes * 60 * kSecond, kSecond, "s");
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

std::string FormatRate(std::int64_t tokens, std::int64_t nanos) {
  return fmt::format("{:.2f} tokens/s",
                     static_cast<double>(tokens) * 1e9 / static_cast<double>(nanos));
}

std::string FormatAccepted(std::int64_t accepted, std::int64_t drafted) {
  const double share = static_cast<double>(accepted) / static_cast<double>(drafted);
  return fmt::format("{}/{} ({:.0f} %)", accepted, drafted, 100 * share);
}

}  // namespace tidegate::cli
