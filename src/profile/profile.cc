#include "profile/profile.h"

#include <algorithm>

#include "profile/difficulty.h"
#include "profile/tokens.h"

namespace tidegate::profile {

Profile Compute(const core::Request& request) {
  const TokenCounts input = CountInput(request);
  const Signs signs = ReadSigns(LastUserText(request));
  Profile profile;
  profile.input_tokens_estimate = input.estimate;
  profile.input_tokens_max = input.max;
  profile.choices = std::max<std::int64_t>(request.choices, 1);
  profile.protocol = request.protocol;
  profile.needs = request.needs;
  profile.difficulty = Difficulty(request, signs);
  profile.output_tokens_limit = request.max_output_tokens.value_or(0);
  profile.output_tokens_estimate = ExpectedOutputTokens(request, signs, profile.difficulty);
  if (profile.output_tokens_limit > 0) {
    profile.output_tokens_estimate =
        std::min(profile.output_tokens_estimate, profile.output_tokens_limit);
  }
  return profile;
}

}  // namespace tidegate::profile
