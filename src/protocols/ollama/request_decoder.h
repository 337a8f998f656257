// A request's body becomes a core::Request; see Protocol::DecodeRequest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "protocols/constraint_parser.h"
#include "protocols/model_entry.h"

namespace tidegate::protocols::ollama {

// Which of the two ways to ask: Route::form and core::Request::form.
enum Form : int {
  kChatForm = 0,      // /api/chat: messages
  kGenerateForm = 1,  // /api/generate: a prompt
};

// REQUIRES: json::kPaddingBytes readable bytes behind `body`.
Result<core::Request> DecodeOllamaRequest(Form form, std::string_view body,
                                          const ConstraintParser& constraints);

// What a request to /api/show is about.
Result<ModelQuestion> DecodeShowRequest(std::string_view body);

}  // namespace tidegate::protocols::ollama
