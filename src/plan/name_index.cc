#include "plan/name_index.h"

#include <algorithm>

namespace tidegate::plan {

NameIndex::NameIndex(std::span<const core::Deployment> deployments) : deployments_(deployments) {
  for (std::uint32_t i = 0; i < deployments.size(); ++i) {
    by_model_[WithoutDefaultTag(deployments[i].ref.model)].push_back(i);
    if (!deployments[i].family.empty()) by_family_[deployments[i].family].push_back(i);
  }
}

std::vector<std::uint32_t> NameIndex::Find(const ModelName& name) const {
  Places found;
  const auto take = [&](std::string_view model) {
    const auto bearers = by_model_.find(model);
    if (bearers == by_model_.end()) return;
    for (const std::uint32_t i : bearers->second) {
      if (!Names(name, deployments_[i])) continue;
      found.push_back(i);
      const auto family = by_family_.find(deployments_[i].family);
      if (family == by_family_.end()) continue;
      found.insert(found.end(), family->second.begin(), family->second.end());
    }
  };
  for (const std::string_view asked : {name.whole, name.model}) {
    if (!asked.empty()) take(WithoutDefaultTag(asked));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace tidegate::plan
