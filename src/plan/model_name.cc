#include "plan/model_name.h"

#include <algorithm>

namespace tidegate::plan {
namespace {

struct ProviderAlias {
  std::string_view alias;
  std::string_view provider;
};
constexpr std::array kProviderAliases = {
    ProviderAlias{"hosted_vllm", "vllm"},
    ProviderAlias{"lm_studio", "lmstudio"},
    ProviderAlias{"nvidia_nim", "nvidia"},
    ProviderAlias{"together_ai", "together"},
};

std::string_view CanonicalProvider(std::string_view name) {
  for (const ProviderAlias& alias : kProviderAliases) {
    if (alias.alias == name) return alias.provider;
  }
  return name;
}

bool SameModel(std::string_view asked, std::string_view model) {
  return WithoutDefaultTag(asked) == WithoutDefaultTag(model);
}

}  // namespace

std::string_view WithoutDefaultTag(std::string_view name) {
  if (name.size() > kDefaultTag.size() && name.ends_with(kDefaultTag)) {
    name.remove_suffix(kDefaultTag.size());
  }
  return name;
}

ModelName ParseModelName(std::string_view asked) {
  ModelName name;
  name.whole = asked;
  name.automatic = asked.empty();
  const std::string_view untagged = WithoutDefaultTag(asked);
  for (const std::string_view automatic : kAutoNames)
    name.automatic = name.automatic || untagged == automatic;
  if (name.automatic) {
    asked = untagged;
    name.local_only = asked == "auto:private";
    if (asked == "auto:fast") name.prefer = core::Prefer::kLatency;
    if (asked == "auto:cheap") name.prefer = core::Prefer::kCost;
    if (asked == "auto:best") name.prefer = core::Prefer::kQuality;
    return name;
  }
  const std::size_t slash = asked.find('/');
  if (slash != std::string_view::npos) {
    name.provider = CanonicalProvider(asked.substr(0, slash));
    name.model = asked.substr(slash + 1);
  }
  return name;
}

bool Names(const ModelName& name, const core::Deployment& deployment) {
  if (SameModel(name.whole, deployment.ref.model)) return true;
  return !name.provider.empty() && name.provider == deployment.ref.provider &&
         SameModel(name.model, deployment.ref.model);
}

bool IsReserved(std::string_view name) {
  constexpr std::string_view kAuto = kAutoNames.front();
  return name.starts_with(kAuto) && (name.size() == kAuto.size() || name[kAuto.size()] == ':');
}

bool IsServed(std::string_view asked, std::span<const core::Deployment> deployments) {
  const ModelName name = ParseModelName(asked);
  if (name.automatic) return true;
  return std::any_of(deployments.begin(), deployments.end(), [&](const core::Deployment& one) {
    return !name.provider.empty() && name.provider == one.ref.provider &&
           SameModel(name.model, one.ref.model);
  });
}

}  // namespace tidegate::plan
