// Errors as Google's clients parse them: google.rpc.Status.
#pragma once

#include <string>

#include "base/error.h"

namespace tidegate::protocols::gemini {

// The status; some fields of the error decide it.
int ErrorHttpStatus(const Error& error);
// {"error": {"code": 400, "message": …, "status": "INVALID_ARGUMENT", "details": […]}}.
std::string EncodeErrorBody(const Error& error);
// The same as the event, or as the element, that ends a stream.
std::string EncodeErrorEvent(const Error& error);
std::string EncodeErrorElement(const Error& error);

}  // namespace tidegate::protocols::gemini
