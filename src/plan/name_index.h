// Finding what bears a name without asking every deployment.
//
// With a few providers configured there are hundreds of deployments, and most requests name one
// model. What bears another name is rejected for that alone, so it need not be looked at.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/deployment.h"
#include "plan/model_name.h"

namespace tidegate::plan {

// Immutable once made, so any thread may use it. Views the deployments, which outlive it unchanged.
class NameIndex {
 public:
  explicit NameIndex(std::span<const core::Deployment> deployments);

  // The deployments that `name` names and those with the weights of one of these, ascending.
  // REQUIRES: the name is explicit.
  std::vector<std::uint32_t> Find(const ModelName& name) const;

 private:
  using Places = std::vector<std::uint32_t>;
  std::span<const core::Deployment> deployments_;
  std::unordered_map<std::string_view, Places> by_model_, by_family_;
};

}  // namespace tidegate::plan
