// Reading the `messages` of a request.
#pragma once

#include <array>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/fields.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::openai_chat {

inline constexpr FieldNames kMessage{std::to_array<std::string_view>(
    {"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "reasoning_content",
     "reasoning", "reasoning_details", "function_call", "audio"})};
using MessageFields = Fields<kMessage.names.size()>;

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
  Result<void> DecodeImage(const json::Value& value, core::Part& part);
  Result<void> DecodeAudio(const json::Value& value, core::Part& part);
  Result<void> DecodeFile(const json::Value& value, core::Part& part);
  Result<void> DecodeReasoning(const MessageFields& fields, core::Message& message);
  Result<void> MakeToolResult(const MessageFields& fields, bool is_function,
                              core::Message& message);
  Result<void> DecodeToolCalls(const json::Value& calls, core::Message& message);
  Result<void> DecodeToolCall(const json::Value& value, core::Message& message);
  Result<void> DecodeCallee(const json::Value& value, bool custom, core::Part& call);

  core::Request& request_;
  RequestTexts& texts_;
  std::unordered_map<std::string_view, std::string_view> calls_;  // names by id, so far
};

}  // namespace tidegate::protocols::openai_chat
