// Errors in the shape that Anthropic's clients parse.
#pragma once

#include <string>

#include "base/error.h"

namespace tidegate::protocols::anthropic_messages {

// The status; some fields of the error decide it.
int ErrorHttpStatus(const Error& error);
// {"type": "error", "error": {"type": …, "message": …}}.
std::string EncodeErrorBody(const Error& error);
// The same as the event that ends a stream.
std::string EncodeErrorEvent(const Error& error);

}  // namespace tidegate::protocols::anthropic_messages
