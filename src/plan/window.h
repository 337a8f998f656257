// Whether a prompt fits a window, as far as an estimate can tell.
#pragma once

#include <cstdint>

#include "core/deployment.h"
#include "profile/profile.h"

namespace tidegate::plan {

// How much too high an estimate is taken to be at most, in percent of the truth.
inline constexpr std::int64_t kEstimateErrorPercent = 25;

// Of the longest text that has a window to itself; with its answer.
inline std::int64_t PromptEstimate(const profile::Profile& profile) {
  return profile.longest_prompt_estimate.value_or(profile.input_tokens_estimate);
}
inline std::int64_t WindowEstimate(const profile::Profile& profile) {
  return PromptEstimate(profile) + profile.output_tokens_estimate;
}

// This device's engine counts a prompt before it does anything with it, for nothing, and refuses it
// when it is too long: then the next target is tried.
inline bool CountsExactly(const core::Deployment& deployment) {
  return deployment.place == core::Place::kDevice &&
         deployment.capabilities.Has(core::Capability::kCountTokens);
}

inline bool TooLong(const core::Deployment& deployment, const profile::Profile& profile) {
  const std::int64_t window = deployment.context_tokens;
  if (window == 0) return false;
  if (!CountsExactly(deployment)) return WindowEstimate(profile) > window;
  return PromptEstimate(profile) > window + window * kEstimateErrorPercent / 100;
}

// It is not too long by that, and may be found to be.
inline bool WindowInDoubt(const core::Deployment& deployment, const profile::Profile& profile) {
  return deployment.context_tokens > 0 && WindowEstimate(profile) > deployment.context_tokens;
}

}  // namespace tidegate::plan
