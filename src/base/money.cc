#include "base/money.h"

#include <cmath>

namespace tidegate {
namespace {
constexpr std::int64_t kNanosPerDollar = 1'000'000'000;
constexpr int kDecimals = 9;
}  // namespace

std::string FormatUsd(Money money) {
  const bool negative = money.nanodollars < 0;
  std::uint64_t nanos = static_cast<std::uint64_t>(money.nanodollars);
  if (negative) nanos = 0 - nanos;
  std::string fraction = std::to_string(nanos % kNanosPerDollar);
  fraction.insert(0, static_cast<std::size_t>(kDecimals) - fraction.size(), '0');
  while (fraction.size() > 2 && fraction.back() == '0') fraction.pop_back();
  return (negative ? "-" : "") + std::to_string(nanos / kNanosPerDollar) + "." + fraction;
}

std::optional<Money> ParseUsd(std::string_view text) {
  std::int64_t nanos = 0;
  int decimals = -1;  // -1 = before the point
  bool digits = false;
  for (const char c : text) {
    if (c == '.' && decimals < 0) {
      decimals = 0;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    if (decimals >= 0 && ++decimals > kDecimals) return std::nullopt;
    digits = true;
    if (__builtin_mul_overflow(nanos, std::int64_t{10}, &nanos) ||
        __builtin_add_overflow(nanos, std::int64_t{c - '0'}, &nanos)) {
      return std::nullopt;
    }
  }
  if (!digits) return std::nullopt;
  for (int i = decimals < 0 ? 0 : decimals; i < kDecimals; ++i) {
    if (__builtin_mul_overflow(nanos, std::int64_t{10}, &nanos)) return std::nullopt;
  }
  return Money{nanos};
}

std::optional<Money> MoneyFromDouble(double usd) {
  constexpr double kMaxUsd = 9.0e9;
  if (!(usd >= 0.0) || usd > kMaxUsd) return std::nullopt;
  return Money{std::llround(usd * static_cast<double>(kNanosPerDollar))};
}

}  // namespace tidegate
