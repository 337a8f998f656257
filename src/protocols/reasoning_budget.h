// How much a model may think: a word in some protocols, a number of tokens in others.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/request.h"

namespace tidegate::protocols {

// The word for what the caller asked: its own, or that for its number of tokens; empty when it
// asked for nothing.
std::string_view EffortFor(const core::Reasoning& reasoning);

// The number of tokens for it: the caller's own, or that for its word. Nothing when it asked for
// nothing, or only that the model shall think. `output_tokens_max`: of the request, 0 = unknown; a
// budget must stay below it.
std::optional<std::int64_t> BudgetFor(const core::Reasoning& reasoning,
                                      std::int64_t output_tokens_max);

}  // namespace tidegate::protocols
