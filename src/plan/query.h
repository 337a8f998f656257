// An Input made ready for the rules: everything that is the same for all deployments, computed
// once.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plan/model_name.h"
#include "plan/plan.h"

namespace tidegate::plan {

// How near a deployment is to what was asked for; nearer ones are tried first.
enum class Nearness : std::uint8_t { kNamed, kSameModel, kOther };

struct Query {
  explicit Query(const Input& input);

  const Input& input;
  ModelName name;
  core::Prefer prefer;
  core::Fallback fallback;        // of the caller, or the default for the name
  core::PlaceSet label_places;    // with what the name implies
  bool named_exists = false;      // some deployment bears the name
  bool device_stands_in = false;  // over budget: the device's models may answer for the named one
  // Of each deployment; empty when the name is automatic: all are kNamed.
  std::vector<Nearness> nearness;
  // The only ones to be judged, ascending; nothing = all.
  std::optional<std::vector<std::uint32_t>> among;
  double odds_factor = 1;  // multiplies the odds of a wrong answer, for this difficulty
  Money spendable;         // the lesser of max_cost and the budget

  Nearness NearnessOf(std::size_t deployment) const {
    return nearness.empty() ? Nearness::kNamed : nearness[deployment];
  }
};

// The estimate for one deployment. REQUIRES: it has prices, or the costs are not used.
Estimate MakeEstimate(const Query& query, const core::Deployment& deployment,
                      const core::LiveState& live);

// Lower is better. The formula is in score.cc.
double Score(const Query& query, const core::Deployment& deployment, const Estimate& estimate);

}  // namespace tidegate::plan
