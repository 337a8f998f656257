// The constraints of a turn as columns of its row.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/constraints.h"

namespace tidegate::conversations {

struct BoundRow {
  std::int64_t privacy = -1;    // core::Privacy; -1 = absent
  std::int64_t places = -1;     // a bit for each core::Place; -1 = absent
  std::int64_t retention = -1;  // core::Retention; -1 = absent
  // Lists: empty = absent, else a line end and each entry with a line end behind it.
  std::string regions, providers_only, providers_ignore;
};

BoundRow ToRow(const core::Constraints& bound);
// Values that no version of ours wrote bind as tightly as any: the device alone.
core::Constraints FromRow(const BoundRow& row);

}  // namespace tidegate::conversations
