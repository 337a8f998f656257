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

// `among`: where to look, or nothing for everywhere.
std::vector<Nearness> FindNearness(const ModelName& name,
                                   std::span<const core::Deployment> deployments,
                                   const std::optional<std::vector<std::uint32_t>>& among,
                                   bool* named_exists) {
  std::vector<Nearness> nearness(deployments.size(), Nearness::kOther);
  const auto for_each = [&](const auto& visit) {
    if (among) {
      for (const std::uint32_t i : *among) visit(i);
    } else {
      for (std::size_t i = 0; i < deployments.size(); ++i) visit(i);
    }
  };
  std::vector<std::string_view> families;
  for_each([&](std::size_t i) {
    if (!Names(name, deployments[i])) return;
    nearness[i] = Nearness::kNamed;
    *named_exists = true;
    const std::string_view family = deployments[i].family;
    if (!family.empty() && std::find(families.begin(), families.end(), family) == families.end()) {
      families.push_back(family);
    }
  });
  for_each([&](std::size_t i) {
    if (nearness[i] == Nearness::kOther &&
        std::find(families.begin(), families.end(), deployments[i].family) != families.end()) {
      nearness[i] = Nearness::kSameModel;
    }
  });
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
  if (name.automatic) return;
  // What bears another name may still stand in for it.
  const bool only_its_name = fallback != core::Fallback::kAny &&
                             from.constraints.on_over_budget != core::OnOverBudget::kDegrade;
  if (from.names != nullptr && only_its_name) among = from.names->Find(name);
  nearness = FindNearness(name, from.deployments, among, &named_exists);
}

}  // namespace tidegate::plan
