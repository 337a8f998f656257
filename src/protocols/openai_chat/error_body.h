// Our errors in OpenAI's shape.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tidegate::protocols::openai_chat {

// {"error": {"message", "type", "param", "code"}}: `param` is the path of the field, `code` the
// reason word.
std::string EncodeErrorBody(const Error& error);
// The same as the last event of a stream.
std::string EncodeErrorEvent(const Error& error);
// OpenAI's word for the kind of an error, as "invalid_request_error".
std::string_view ErrorType(ErrorCode code);
// HttpStatus, but 400 where this protocol says so and HTTP would not.
int ErrorHttpStatus(const Error& error);

}  // namespace tidegate::protocols::openai_chat
