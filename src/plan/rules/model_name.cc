// The name that was asked for, or what `fallback` lets stand in for it.
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) {
  switch (c.nearness) {
    case Nearness::kNamed:
      return true;
    case Nearness::kSameModel:
      if (c.query.fallback != core::Fallback::kNone) return true;
      break;
    case Nearness::kOther:
      // A stand-in for a name that nobody knows would hide a spelling mistake.
      if (c.query.fallback == core::Fallback::kAny && c.query.named_exists) return true;
      break;
  }
  return c.query.device_stands_in && c.deployment.place == core::Place::kDevice;
}

std::string Explain(const Case& c) {
  const std::string asked = "'" + std::string(c.query.name.whole) + "'";
  if (c.nearness == Nearness::kSameModel) return asked + " was asked for and fallback is none";
  return asked + " was asked for";
}

}  // namespace

const Rule kModelNameRule{core::RejectReason::kModelName, false, Admits, Explain};

}  // namespace tidegate::plan
