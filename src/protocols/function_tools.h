// The tools of a request in the shape that OpenAI's chat completions gave them and others took
// over:
// {"type": "function", "function": {"name", "description", "parameters", "strict"}}.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols {

// Fills request.tools and adds to needs and text_bytes. Tools of another type are for the same
// protocol only. Errors: kInvalidArgument with the field's path.
Result<void> DecodeFunctionTools(const json::Value& tools, RequestTexts& texts,
                                 core::Request& request);
// Which of them is to be called: 'auto', 'none', 'required', or the object that names one. Call it
// after DecodeFunctionTools. Errors: likewise.
Result<void> DecodeFunctionToolChoice(const json::Value& choice, RequestTexts& texts,
                                      core::Request& request);
// The value of one "function" member.
Result<core::ToolSpec> DecodeFunctionTool(const json::Value& function, RequestTexts& texts);
// Not empty, and not too long.
Result<void> CheckToolName(const json::Value& value, std::string_view name);

}  // namespace tidegate::protocols
