// Responses that are kept: previous_response_id, and what is below /v1/responses/{id}.
#pragma once

#include "protocols/stored_answers.h"

namespace tidegate::protocols::openai_responses {

const StoredAnswers& Stored();

}  // namespace tidegate::protocols::openai_responses
