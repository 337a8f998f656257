// Errors in the shape that Cohere's clients parse.
#pragma once

#include <string>

#include "base/error.h"

namespace tidegate::protocols::cohere_chat {

// The status; a field of the error may decide it.
int ErrorHttpStatus(const Error& error);
// {"message": …}, and beyond the API what went wrong as a word for programs, and where.
std::string EncodeErrorBody(const Error& error);
// The event that ends a stream.
std::string EncodeErrorEvent(const Error& error);

}  // namespace tidegate::protocols::cohere_chat
