// Reading the tools of a request, how the model shall choose among them, and the format it shall
// answer in.
#pragma once

#include <string>
#include <unordered_set>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::openai_responses {

// Functions, custom tools and groups of both become tools of the request. Tools that the vendor
// runs, or that only its models know, are offers: noted, and judged by Finish. Used once, on one
// thread; borrows what it is given.
class ToolDecoder {
 public:
  ToolDecoder(core::Request& request, RequestTexts& texts) : request_(request), texts_(texts) {}

  // `tools`, of the request or of an item that adds some. Errors: kInvalidArgument with the path.
  Result<void> DecodeTools(const json::Value& tools);
  // When all tools are known.
  Result<void> DecodeToolChoice(const json::Value& choice);
  // An offer among tools of the caller's own is one that the model may decline, so that a target
  // without it can answer as well. Alone, it is what the caller came for.
  void Finish();

 private:
  Result<void> DecodeTool(const json::Value& value, std::string_view group,
                          std::string_view group_description);
  Result<void> DecodeFunction(const json::Value& value, core::ToolSpec& tool);
  Result<void> DecodeCustom(const json::Value& value, core::ToolSpec& tool);
  Result<void> DecodeGroup(const json::Value& value);
  Result<void> TakeTool(const json::Value& value, core::ToolSpec tool, std::string_view group,
                        std::string_view group_description);
  Result<void> DecodeAllowed(const json::Value& choice);

  core::Request& request_;
  RequestTexts& texts_;
  std::unordered_set<std::string_view> names_;
  std::size_t count_ = 0;
  std::string first_offer_;  // the path of its type
};

// The `text` field.
Result<void> DecodeText(const json::Value& text, RequestTexts& texts, core::Request& request);

}  // namespace tidegate::protocols::openai_responses
