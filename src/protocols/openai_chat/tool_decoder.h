// Reading how the model shall choose among the tools of a request, and the format it shall answer
// in. The tools themselves: function_tools.h.
#pragma once

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::openai_chat {

// Each fills its part of the request and adds to needs and text_bytes. Errors: kInvalidArgument
// with the field's path.
Result<void> DecodeToolChoice(const json::Value& choice, RequestTexts& texts,
                              core::Request& request);
Result<void> DecodeResponseFormat(const json::Value& format, RequestTexts& texts,
                                  core::Request& request);
// The deprecated `functions`: checked, counted and passed through.
Result<void> DecodeFunctions(const json::Value& functions, RequestTexts& texts);

}  // namespace tidegate::protocols::openai_chat
