// Our errors in Ollama's shape: {"error": "text"}.
#pragma once

#include <string>

#include "base/error.h"

namespace tidegate::protocols::ollama {

// Beyond the API's one text: "code", the reason as a word, and "param", the path of the field.
std::string EncodeErrorBody(const Error& error);
// The same as the last line of a stream.
std::string EncodeErrorLine(const Error& error);
// HttpStatus, but 400 for a prompt that is too long.
int ErrorHttpStatus(const Error& error);

}  // namespace tidegate::protocols::ollama
