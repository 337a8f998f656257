// Reading generationConfig: how an answer is to be made.
#pragma once

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::gemini {

// Errors: kInvalidArgument with the field's path.
Result<void> DecodeGenerationConfig(const json::Value& config, core::Request& request,
                                    RequestTexts& texts);

}  // namespace tidegate::protocols::gemini
