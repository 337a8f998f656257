// Reading additionalModelRequestFields: what makers of models have in words of their own.
#pragma once

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::bedrock_converse {

// Sets the request's reasoning and top_k from the members that mean them: Claude's `thinking`
// (`reasoning_config` in older texts) and `top_k`, Nova's `reasoningConfig` and
// `inferenceConfig.topK`, OpenAI's `reasoning_effort` and `reasoning.effort`. Every other member is
// for a target of the same protocol only. Errors: kInvalidArgument with the field's path.
Result<void> DecodeModelFields(const json::Value& value, RequestTexts& texts,
                               core::Request& request);

}  // namespace tidegate::protocols::bedrock_converse
