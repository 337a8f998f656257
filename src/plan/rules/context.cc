// The prompt and its answer must fit the window, as far as both are known. Judged by the estimate:
// the bound counts a token for each byte and would refuse what fits easily; a prompt that is longer
// than estimated is refused by the target. Where a target counts before it answers, an estimate
// near its window decides nothing (window.h).
#include "plan/rules/rule.h"
#include "plan/window.h"

namespace tidegate::plan {
namespace {

// A server of Ollama's makes the window that a request asks it for.
bool MakesWindow(const Case& c) {
  return c.deployment.context_tokens == 0 &&
         c.query.input.profile.protocol == core::Protocol::kOllama &&
         c.deployment.Speaks(core::Protocol::kOllama);
}

std::int64_t Asked(const Case& c) {
  const core::Constraints& constraints = c.query.input.constraints;
  return MakesWindow(c) ? constraints.require_context_tokens
                        : WindowAsked(c.query.input.profile, constraints);
}

bool WindowTooSmall(const Case& c) { return Asked(c) > c.deployment.window_max(); }

bool AnswerTooLong(const Case& c) {
  return c.deployment.output_tokens_max > 0 &&
         c.query.input.profile.output_tokens_limit > c.deployment.output_tokens_max;
}

bool Admits(const Case& c) {
  return !TooLong(c.deployment, c.query.input.profile) && !WindowTooSmall(c) && !AnswerTooLong(c);
}

std::string Explain(const Case& c) {
  const profile::Profile& profile = c.query.input.profile;
  const std::int64_t known = c.deployment.context_tokens;
  std::string window =
      known > 0 ? "its window is " + std::to_string(known) + " tokens" : "its window is unknown";
  if (c.deployment.window_max() > known) {
    window += " and can be " + std::to_string(c.deployment.window_max());
  }
  if (WindowTooSmall(c)) return window + ", and " + std::to_string(Asked(c)) + " are required";
  if (TooLong(c.deployment, profile)) {
    return window + ", and the request takes about " + std::to_string(WindowEstimate(profile));
  }
  return "it answers with at most " + std::to_string(c.deployment.output_tokens_max) +
         " tokens, and " + std::to_string(profile.output_tokens_limit) + " are asked for";
}

}  // namespace

const Rule kContextRule{core::RejectReason::kContext, false, Admits, Explain};

}  // namespace tidegate::plan
