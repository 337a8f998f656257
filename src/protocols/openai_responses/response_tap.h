// Watching a streamed response on its way to the client; see AnswerTap.
#pragma once

#include <memory>

#include "json/value.h"
#include "protocols/stored_answers.h"

namespace tidegate::protocols::openai_responses {

std::unique_ptr<AnswerTap> NewResponseTap();

// What may be kept of a response object: nothing of one that failed or has no id.
std::optional<FinishedAnswer> KeepResponse(const json::Value& response);

}  // namespace tidegate::protocols::openai_responses
