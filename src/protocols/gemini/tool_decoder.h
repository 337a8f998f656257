// Reading tools and toolConfig.
#pragma once

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::gemini {

// Functions are tools of ours; whatever else a Tool holds is run by Google and only sent there.
// Errors of both: kInvalidArgument with the field's path.
Result<void> DecodeTools(const json::Value& tools, core::Request& request, RequestTexts& texts);
// REQUIRES: the tools are decoded.
Result<void> DecodeToolConfig(const json::Value& config, core::Request& request,
                              RequestTexts& texts);

}  // namespace tidegate::protocols::gemini
