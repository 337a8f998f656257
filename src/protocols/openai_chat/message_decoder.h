// Reading the `messages` of a request.
#pragma once

#include <string_view>
#include <unordered_set>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/openai_chat/request_texts.h"

namespace tidegate::protocols::openai_chat {

// Fills request.messages, needs, text_bytes and media_parts. Used once, on one thread; borrows what
// it is given.
class MessageDecoder {
 public:
  MessageDecoder(core::Request& request, RequestTexts& texts) : request_(request), texts_(texts) {}

  // Errors: kInvalidArgument with the path of the field at fault.
  Result<void> Decode(const json::Value& messages);

 private:
  Result<void> DecodeMessage(const json::Value& value);
  Result<void> DecodeContent(const json::Member& content, core::Message& message);
  Result<void> DecodePart(const json::Value& value, core::Message& message);
  Result<core::Part> DecodeImage(const json::Value& value);
  Result<core::Part> DecodeAudio(const json::Value& value);
  Result<core::Part> DecodeFile(const json::Value& value);
  Result<void> DecodeToolCalls(const json::Value& calls, core::Message& message);
  Result<void> DecodeToolCall(const json::Value& value, core::Message& message);
  Result<void> DecodeCallee(const json::Value& value, bool custom, core::ToolCall& call);
  void Need(core::Capability capability) { request_.needs = request_.needs.With(capability); }

  core::Request& request_;
  RequestTexts& texts_;
  std::unordered_set<std::string_view> call_ids_;  // of all calls so far
};

}  // namespace tidegate::protocols::openai_chat
