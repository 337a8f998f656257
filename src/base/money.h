// Money is an integer number of nano-dollars (1e-9 USD), so that sums are exact and order does not
// matter.
//
// int64 holds ±9.2 billion dollars. Additions saturate instead of wrapping: a budget check must
// never be passed by overflow.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate {

struct Money {
  std::int64_t nanodollars = 0;

  static constexpr Money Max() { return Money{std::numeric_limits<std::int64_t>::max()}; }
  friend constexpr auto operator<=>(Money, Money) = default;
  friend constexpr Money operator+(Money a, Money b) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a.nanodollars, b.nanodollars, &sum)) return Money{sum};
    return b.nanodollars > 0 ? Max() : Money{std::numeric_limits<std::int64_t>::min()};
  }
  friend constexpr Money operator-(Money a, Money b) {
    std::int64_t difference = 0;
    if (!__builtin_sub_overflow(a.nanodollars, b.nanodollars, &difference))
      return Money{difference};
    return b.nanodollars < 0 ? Max() : Money{std::numeric_limits<std::int64_t>::min()};
  }
  constexpr Money& operator+=(Money other) { return *this = *this + other; }
  constexpr Money& operator-=(Money other) { return *this = *this - other; }
};

// Nano-dollars for a million tokens: $2.50 per million is 2'500'000'000.
struct Price {
  std::int64_t nanodollars_per_mtok = 0;
  friend constexpr auto operator<=>(Price, Price) = default;
};

// tokens × price, rounded up to the next nano-dollar and saturating. REQUIRES: tokens >= 0, price
// >= 0.
constexpr Money Cost(std::int64_t tokens, Price price) {
  constexpr std::int64_t kTokensPerMtok = 1'000'000;
  std::int64_t narrow = 0;  // nearly always wide enough, and 128-bit division is slow
  if (!__builtin_mul_overflow(tokens, price.nanodollars_per_mtok, &narrow) &&
      !__builtin_add_overflow(narrow, kTokensPerMtok - 1, &narrow)) {
    return Money{narrow / kTokensPerMtok};
  }
  __extension__ using Wide = __int128;
  const Wide cost = (static_cast<Wide>(tokens) * price.nanodollars_per_mtok + kTokensPerMtok - 1) /
                    kTokensPerMtok;
  return cost > std::numeric_limits<std::int64_t>::max() ? Money::Max()
                                                         : Money{static_cast<std::int64_t>(cost)};
}

// "0.00234" (at least two decimals, no trailing zeros beyond them, never an exponent).
std::string FormatUsd(Money money);
// Parses a decimal number of dollars exactly: "2", "0.02", "1e-3" is refused; more than nine
// decimals are refused.
std::optional<Money> ParseUsd(std::string_view text);
// Nearest nano-dollar of a double from JSON or TOML; nothing for NaN, infinities, negatives and
// values too large.
std::optional<Money> MoneyFromDouble(double usd);

}  // namespace tidegate
