// The query of a URL as named values, each asked for once, so that a misspelt name is an error and
// not a silently ignored wish.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tidegate::admin {

inline constexpr std::size_t kQueryParametersMax = 16;

// A value. All errors are kInvalidArgument with the field "query.<name>".
class Query {
 public:
  // `text` is what stands behind '?'. Errors: broken percent-encoding, a name twice, too many.
  static Result<Query> Parse(std::string_view text);

  // The value of a parameter, which counts as known from then on.
  std::optional<std::string> Take(std::string_view name);
  // A decimal integer in low … high, or `absent`.
  Result<std::int64_t> TakeInteger(std::string_view name, std::int64_t low, std::int64_t high,
                                   std::int64_t absent);
  // A date as "2026-11-22", as the number of its UTC day, or `absent`.
  Result<std::int32_t> TakeDay(std::string_view name, std::int32_t absent);
  // An error if anything was not taken; it names the parameters that there are.
  Result<void> RequireAllTaken(std::string_view known) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

// The number of the UTC day of "YYYY-MM-DD"; nothing for another form or a day that no calendar
// has.
std::optional<std::int32_t> ParseDay(std::string_view text);

}  // namespace tidegate::admin
