// Combining what the request, its key, its policy and the defaults ask for, strictest first.
//
// Nobody can loosen what another source tightened: for the fields that merge strictest, the result
// admits a target only if every source alone admits it, and the order of the sources does not
// matter. The other fields say how to choose among what is admitted; there the most specific source
// wins.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/constraints.h"
#include "policy/fields.h"

namespace tidegate::policy {

inline constexpr std::size_t kSourcesMax = 8;

struct Source {
  std::string_view name;  // "request", "header", "key laptop", "policy work", …
  const core::Constraints* constraints;
};

struct Effective {
  core::Constraints constraints;
  // For each FieldId the sources whose statement is in the result, one bit each, in the order they
  // were given.
  std::array<std::uint8_t, kFields> stated_by{};
};

// REQUIRES: at most kSourcesMax sources, the most specific first.
Effective Merge(std::span<const Source> sources);

// Who stated a field: "key laptop, policy work", or empty. REQUIRES: the sources that `effective`
// was merged from.
std::string StatedBy(const Effective& effective, FieldId field, std::span<const Source> sources);

}  // namespace tidegate::policy
