#include <array>

#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

#define TIDEGATE_LIST_RULE(name) &k##name##Rule,
constexpr std::array kRules = {TIDEGATE_PLAN_RULES(TIDEGATE_LIST_RULE)};
#undef TIDEGATE_LIST_RULE

}  // namespace

std::span<const Rule* const> Rules() { return kRules; }

}  // namespace tidegate::plan
