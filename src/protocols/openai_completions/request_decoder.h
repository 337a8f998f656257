// A completions request becomes a core::Request.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "protocols/constraint_parser.h"

namespace tidegate::protocols::openai_completions {

// One prompt is the user's message. What a chat cannot say (several prompts, prompts as numbers of
// tokens, `suffix`, `echo`, `best_of`) needs a target of this protocol. See
// Protocol::DecodeRequest.
Result<core::Request> DecodeCompletionRequest(std::string_view body,
                                              const ConstraintParser& constraints);

}  // namespace tidegate::protocols::openai_completions
