// The prompt and its answer must fit the window, as far as both are known. Judged by the estimate:
// the bound counts a token for each byte and would refuse what fits easily; a prompt that is longer
// than estimated is refused by the target. Where a target counts before it answers, an estimate
// near its window decides nothing (window.h).
#include "plan/rules/rule.h"
#include "plan/window.h"

namespace tidegate::plan {
namespace {

bool WindowTooSmall(const Case& c) {
  return c.query.input.constraints.require_context_tokens > c.deployment.context_tokens;
}

bool AnswerTooLong(const Case& c) {
  return c.deployment.output_tokens_max > 0 &&
         c.query.input.profile.output_tokens_limit > c.deployment.output_tokens_max;
}

bool Admits(const Case& c) {
  return !TooLong(c.deployment, c.query.input.profile) && !WindowTooSmall(c) && !AnswerTooLong(c);
}

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
  if (TooLong(c.deployment, profile)) {
    return window + ", and the request takes about " + std::to_string(WindowEstimate(profile));
  }
  return "it answers with at most " + std::to_string(c.deployment.output_tokens_max) +
         " tokens, and " + std::to_string(profile.output_tokens_limit) + " are asked for";
}

}  // namespace

const Rule kContextRule{core::RejectReason::kContext, false, Admits, Explain};

}  // namespace tidegate::plan
