// Whether a request fits a window, as far as an estimate can tell, and which window it needs.
//
// A model on this device may be loaded again with a larger window than it has, up to
// Deployment::window_max; whatever is judged here is judged by that.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/constraints.h"
#include "core/deployment.h"
#include "profile/profile.h"

namespace tidegate::plan {

// How much too high an estimate is taken to be at most, in percent of the truth: Chinese in a
// tokenizer that was made for it, or a table drawn with dashes.
inline constexpr std::int64_t kEstimateErrorPercent = 100;

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
  const std::int64_t window = deployment.window_max();
  if (window == 0) return false;
  if (CountsExactly(deployment) && profile.may_shorten) return false;
  if (!CountsExactly(deployment)) return WindowEstimate(profile) > window;
  const std::int64_t text = PromptEstimate(profile) - profile.media_tokens_estimate;
  return text > window + window * kEstimateErrorPercent / 100;
}

// It is not too long by that, and may be found to be.
inline bool WindowInDoubt(const core::Deployment& deployment, const profile::Profile& profile) {
  return deployment.context_tokens > 0 && WindowEstimate(profile) > deployment.window_max();
}

// Of the window that its caller insists on.
inline std::int64_t WindowAsked(const profile::Profile& profile,
                                const core::Constraints& constraints) {
  return std::max(constraints.require_context_tokens, profile.window_tokens);
}

// Of the window that a model has to have for it, as far as it can have one; for the lease.
inline std::int64_t WindowNeeded(const core::Deployment& deployment,
                                 const profile::Profile& profile,
                                 const core::Constraints& constraints) {
  return std::min(std::max(WindowEstimate(profile), WindowAsked(profile, constraints)),
                  deployment.window_max());
}

}  // namespace tidegate::plan
