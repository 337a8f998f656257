// Reading the `options` of a request: sampling, limits, and how the model is to be run.
#pragma once

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::ollama {

// Fills what core has a place for and the spans of the output limit; num_ctx is the window that a
// target must have. Options that only say how a server runs its model (num_gpu, num_thread, …), and
// those that Ollama itself ignores by now, are hints: they are checked and go no further than to a
// server of this protocol. An option that is not known here is for such a server only. Errors:
// kInvalidArgument with the option's path.
Result<void> DecodeOptions(const json::Value& options, RequestTexts& texts, core::Request& request);

}  // namespace tidegate::protocols::ollama
