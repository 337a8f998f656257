// The ranges of the OpenAI API description (CreateCompletionRequest).
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocols/limits.h"

namespace tidegate::protocols::openai_completions {

inline constexpr std::size_t kPromptsMax = 2048;
inline constexpr std::int64_t kTokenNumberMax = 10'000'000;
// OpenAI's own limit is 5; servers of one's own tell more.
inline constexpr std::int64_t kTopLogprobsMax = 20;
inline constexpr std::int64_t kBestOfMax = 128;
// Of choices: of each prompt in turn.
inline constexpr std::int64_t kChoicesMax = 128 * static_cast<std::int64_t>(kPromptsMax);

}  // namespace tidegate::protocols::openai_completions
