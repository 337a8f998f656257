#include "engine/use_weight.h"

#include <cmath>

namespace tidegate::engine {

void UseWeight::Note(std::int64_t now, double uses) {
  weight_ = At(now) + uses;
  at_ = now;
}

double UseWeight::At(std::int64_t now) const {
  if (now <= at_) return weight_;
  return weight_ *
         std::exp2(-static_cast<double>(now - at_) / static_cast<double>(kUseHalfLifeNanos));
}

}  // namespace tidegate::engine
