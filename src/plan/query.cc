#include "plan/query.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace tidegate::plan {
namespace {

// How quickly the chance of a right answer falls with difficulty: from a chance of one half, a
// request of difficulty 1 has odds e^-2 and one of difficulty 0 e^2.
constexpr double kOddsPerDifficulty = 4;

core::Fallback DefaultFallback(const ModelName& name) {
  return name.automatic ? core::Fallback::kAny : core::Fallback::kSameModel;
}

std::vector<Nearness> FindNearness(const ModelName& name,
                                   std::span<const core::Deployment> deployments,
                                   bool* named_exists) {
  std::vector<Nearness> nearness(deployments.size(), Nearness::kOther);
  std::vector<std::string_view> families;
  for (std::size_t i = 0; i < deployments.size(); ++i) {
    if (!Names(name, deployments[i])) continue;
    nearness[i] = Nearness::kNamed;
    *named_exists = true;
    const std::string_view family = deployments[i].family;
    if (!family.empty() && std::find(families.begin(), families.end(), family) == families.end()) {
      families.push_back(family);
    }
  }
  for (std::size_t i = 0; i < deployments.size(); ++i) {
    if (nearness[i] == Nearness::kOther &&
        std::find(families.begin(), families.end(), deployments[i].family) != families.end()) {
      nearness[i] = Nearness::kSameModel;
    }
  }
  return nearness;
}

}  // namespace

Query::Query(const Input& from)
    : input(from),
      name(ParseModelName(from.asked_model)),
      prefer(from.constraints.prefer.value_or(name.prefer)),
      fallback(from.constraints.fallback.value_or(DefaultFallback(name))),
      label_places(name.local_only
                       ? from.label_places.Intersect(core::PlaceSet::Of(core::Place::kDevice))
                       : from.label_places),
      odds_factor(std::exp(kOddsPerDifficulty * (from.profile.difficulty - 0.5))),
      spendable(std::min(from.constraints.max_cost.value_or(Money::Max()), from.budget_left)) {
  if (!name.automatic) nearness = FindNearness(name, from.deployments, &named_exists);
}

}  // namespace tidegate::plan
