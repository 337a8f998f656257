#include <cmath>

#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

bool Admits(const Case& c) {
  const std::optional<double>& min_quality = c.query.input.constraints.min_quality;
  return !min_quality || c.estimate.quality >= *min_quality;
}

std::string Percent(double chance) { return std::to_string(std::lround(chance * 100)) + " %"; }

std::string Explain(const Case& c) {
  return "its expected chance of a right answer is " + Percent(c.estimate.quality) +
         ", and min_quality is " + Percent(*c.query.input.constraints.min_quality);
}

}  // namespace

const Rule kQualityRule{core::RejectReason::kQuality, true, Admits, Explain};

}  // namespace tidegate::plan
