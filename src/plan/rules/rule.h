// A hard rule: one reason why a deployment may not run a request. One file per rule, one line in
// the list below.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/decision.h"
#include "plan/query.h"

namespace tidegate::plan {

// One deployment under judgement.
struct Case {
  const Query& query;
  const core::Deployment& deployment;
  const core::LiveState& live;
  Nearness nearness;
  const Estimate& estimate;  // made only for rules that ask for it
};

struct Rule {
  core::RejectReason reason;
  bool needs_estimate;
  bool (*admits)(const Case&);
  std::string (*explain)(
      const Case&);  // one sentence; called only for a case that was not admitted
};

// The rules in the order in which they are asked: the first that does not admit a deployment gives
// the reason. What money forbids stands last, so that "too expensive" means that nothing else was
// in the way.
std::span<const Rule* const> Rules();

// X(name) declares rule k<name>Rule, defined in rules/<name>.cc.
#define TIDEGATE_PLAN_RULES(X) \
  X(ModelName)                 \
  X(KeyPlace)                  \
  X(Privacy)                   \
  X(Place)                     \
  X(Retention)                 \
  X(Region)                    \
  X(ProviderList)              \
  X(Capability)                \
  X(Context)                   \
  X(Price)                     \
  X(Available)                 \
  X(Deadline)                  \
  X(Quality)                   \
  X(MaxCost)                   \
  X(Budget)

#define TIDEGATE_DECLARE_RULE(name) extern const Rule k##name##Rule;
TIDEGATE_PLAN_RULES(TIDEGATE_DECLARE_RULE)
#undef TIDEGATE_DECLARE_RULE

}  // namespace tidegate::plan
