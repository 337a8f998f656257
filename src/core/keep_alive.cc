#include "core/keep_alive.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace tidegate::core {
namespace {

struct Unit {
  std::string_view word;
  double nanos;
};
// Longer words in front of those that they begin with.
constexpr std::array<Unit, 8> kUnits = {{{"ns", 1},
                                         {"us", 1e3},
                                         {"\xC2\xB5s", 1e3},  // the micro sign
                                         {"\xCE\xBCs", 1e3},  // the Greek letter
                                         {"ms", 1e6},
                                         {"s", 1e9},
                                         {"m", 60e9},
                                         {"h", 3600e9}}};

// Takes "1.5h" off the front.
std::optional<double> TakePart(std::string_view& text) {
  double number = 0;
  const std::size_t digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
  const auto read =
      std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
  if (read.ec != std::errc() || read.ptr != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.word)) continue;
    text.remove_prefix(unit.word.size());
    return number * unit.nanos;
  }
  return std::nullopt;
}

constexpr std::int64_t kForEver = -1;

}  // namespace

std::optional<std::int64_t> ParseDuration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double nanos = 0;
  while (!text.empty()) {
    const std::optional<double> part = TakePart(text);
    if (!part) return std::nullopt;
    nanos += *part;
  }
  constexpr std::int64_t kLongest = std::numeric_limits<std::int64_t>::max();
  const std::int64_t whole =
      nanos >= static_cast<double>(kLongest) ? kLongest : static_cast<std::int64_t>(nanos);
  return negative ? -whole : whole;
}

std::int64_t KeepAliveOfSeconds(double seconds) {
  constexpr double kNanosPerSecond = 1e9;
  constexpr std::int64_t kLongest = std::numeric_limits<std::int64_t>::max();
  const double nanos = seconds * kNanosPerSecond;
  if (nanos < 0) return kForEver;
  return nanos >= static_cast<double>(kLongest) ? kLongest : std::llround(nanos);
}

std::optional<std::int64_t> ParseKeepAlive(std::string_view duration) {
  const std::optional<std::int64_t> nanos = ParseDuration(duration);
  return nanos && *nanos < 0 ? kForEver : nanos;
}

}  // namespace tidegate::core
