// Writing the messages of a request as one text, by the template that it brings.
#pragma once

#include "base/result.h"
#include "core/request.h"

namespace tidegate::gateway {

// Whether a server that speaks `upstream` has to be given the text: Ollama's renders templates
// itself, where it gets the caller's own body.
bool NeedsRendering(const core::Request& request, core::Protocol upstream);

// Errors: kInvalidArgument with the field, for what the template cannot do here or the messages
// hold beside text.
Result<void> RenderPrompt(core::Request& request);

}  // namespace tidegate::gateway
