// The prompt and its answer must fit the window, as far as both are known. Judged by the estimate:
// the bound counts a token for each byte and would refuse what fits easily; a prompt that is longer
// than estimated is refused by the target.
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

// Of the longest text that has the window to itself, and its answer.
std::int64_t WindowEstimate(const profile::Profile& profile) {
  return profile.longest_prompt_estimate.value_or(profile.input_tokens_estimate) +
         profile.output_tokens_estimate;
}

bool TooLong(const Case& c) {
  return c.deployment.context_tokens > 0 &&
         WindowEstimate(c.query.input.profile) > c.deployment.context_tokens;
}

bool WindowTooSmall(const Case& c) {
  return c.query.input.constraints.require_context_tokens > c.deployment.context_tokens;
}

bool AnswerTooLong(const Case& c) {
  return c.deployment.output_tokens_max > 0 &&
         c.query.input.profile.output_tokens_limit > c.deployment.output_tokens_max;
}

bool Admits(const Case& c) { return !TooLong(c) && !WindowTooSmall(c) && !AnswerTooLong(c); }

std::string Explain(const Case& c) {
  const profile::Profile& profile = c.query.input.profile;
  const std::string window =
      c.deployment.context_tokens > 0
          ? "its window is " + std::to_string(c.deployment.context_tokens) + " tokens"
          : "its window is unknown";
  if (WindowTooSmall(c)) {
    return window + ", and " + std::to_string(c.query.input.constraints.require_context_tokens) +
           " are required";
  }
  if (TooLong(c)) {
    return window + ", and the request takes about " + std::to_string(WindowEstimate(profile));
  }
  return "it answers with at most " + std::to_string(c.deployment.output_tokens_max) +
         " tokens, and " + std::to_string(profile.output_tokens_limit) + " are asked for";
}

}  // namespace

const Rule kContextRule{core::RejectReason::kContext, false, Admits, Explain};

}  // namespace tidegate::plan
