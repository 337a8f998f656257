// Reading toolConfig: the tools and which of them the model shall call.
#pragma once

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::bedrock_converse {

// Sets the request's tools and tool choice. Errors: kInvalidArgument with the field's path.
Result<void> DecodeToolConfig(const json::Value& config, RequestTexts& texts,
                              core::Request& request);

}  // namespace tidegate::protocols::bedrock_converse
