// Errors in the words of AWS: an exception has a name, which decides what clients make of it, and a
// message. Both ways.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "protocols/aws_event_stream/message.h"

namespace tidegate::protocols::bedrock_converse {

// --- To clients ---
// The status, and "ValidationException" and the like; some fields of the error decide them.
int ErrorHttpStatus(const Error& error);
std::string_view ExceptionName(const Error& error);
// {"__type": …, "message": …}.
std::string EncodeErrorBody(const Error& error);
// The same as the message that ends a stream.
std::string EncodeErrorEvent(const Error& error);

// --- From upstreams ---
// An error answer.
Error DecodeErrorAnswer(int status, std::string_view body, std::int64_t retry_after_s);
// An exception or error inside a stream.
Error DecodeStreamError(const aws_event_stream::Message& message);

}  // namespace tidegate::protocols::bedrock_converse
