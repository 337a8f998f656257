// The texts of a request: viewed where they stand in the body, copied only where an escape makes
// that impossible.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"

namespace tidegate::protocols::openai_chat {

// Borrows the request it fills; not thread-safe. REQUIRES: request.body is the text of the
// document.
class RequestTexts {
 public:
  explicit RequestTexts(core::Request& request) : request_(request) {}

  // The string of a member or element; lives as long as the request and its body. Errors: not a
  // string.
  Result<std::string_view> Keep(const json::Member& member);
  Result<std::string_view> Keep(const json::Value& value);
  // The same, and its bytes count as text of the prompt.
  Result<std::string_view> KeepCounted(const json::Member& member);

  // Bytes of other text that reach the model, as a tool's schema.
  void Count(std::size_t bytes) { request_.text_bytes += static_cast<std::int64_t>(bytes); }

 private:
  std::string_view Own(std::string_view text) { return request_.arena.emplace_back(text); }
  core::Request& request_;
};

}  // namespace tidegate::protocols::openai_chat
