#include "conversations/bound.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace tidegate::conversations {
namespace {

std::string ToLines(const std::vector<std::string>& list) {
  std::string lines = "\n";
  for (const std::string& entry : list) lines += entry + '\n';
  return lines;
}

std::optional<std::vector<std::string>> FromLines(std::string_view lines) {
  if (lines.empty()) return std::nullopt;
  std::vector<std::string> list;
  lines.remove_prefix(1);
  while (!lines.empty()) {
    const std::string_view entry = lines.substr(0, lines.find('\n'));
    list.emplace_back(entry);
    lines.remove_prefix(std::min(lines.size(), entry.size() + 1));
  }
  return list;
}

}  // namespace

BoundRow ToRow(const core::Constraints& bound) {
  BoundRow row;
  if (bound.privacy) row.privacy = static_cast<std::int64_t>(*bound.privacy);
  if (bound.retention) row.retention = static_cast<std::int64_t>(*bound.retention);
  if (bound.place) {
    row.places = 0;
    for (int i = 0; i < core::kPlaces; ++i) {
      if (bound.place->Has(static_cast<core::Place>(i))) row.places |= std::int64_t{1} << i;
    }
  }
  if (bound.region) row.regions = ToLines(*bound.region);
  if (bound.providers_only) row.providers_only = ToLines(*bound.providers_only);
  if (!bound.providers_ignore.empty()) row.providers_ignore = ToLines(bound.providers_ignore);
  return row;
}

core::Constraints FromRow(const BoundRow& row) {
  core::Constraints bound;
  if (row.privacy >= 0) {
    constexpr auto kStrictest = static_cast<std::int64_t>(core::Privacy::kLocal);
    bound.privacy =
        row.privacy <= kStrictest ? static_cast<core::Privacy>(row.privacy) : core::Privacy::kLocal;
  }
  if (row.places >= 0) {
    bound.place.emplace();
    for (int i = 0; i < core::kPlaces; ++i) {
      if ((row.places >> i & 1) != 0) bound.place = bound.place->With(static_cast<core::Place>(i));
    }
    if (row.places >> core::kPlaces != 0) bound.place = core::PlaceSet::Of(core::Place::kDevice);
  }
  if (row.retention >= 0) {
    bound.retention =
        row.retention == 0 ? core::Retention::kAny : core::Retention::kZeroDataRetention;
  }
  bound.region = FromLines(row.regions);
  bound.providers_only = FromLines(row.providers_only);
  if (auto list = FromLines(row.providers_ignore)) bound.providers_ignore = *std::move(list);
  return bound;
}

}  // namespace tidegate::conversations
