// A conversation as the two texts that a language model on Replicate takes.
#pragma once

#include <string>

#include "base/result.h"
#include "core/request.h"

namespace tidegate::protocols::replicate {

struct Prompt {
  std::string system;  // all system messages, in their order
  std::string text;
};

// One message of the user is the prompt as it is. More are written one behind the other, each with
// the word for who speaks, and end with the word for the assistant. Errors: kInvalidArgument for
// what is no text, at its place.
Result<Prompt> WritePrompt(const core::Request& request);

}  // namespace tidegate::protocols::replicate
