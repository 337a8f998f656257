// Reading the `messages` and `documents` of a request.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::cohere_chat {

// Fills request.messages, needs, text_bytes and media_parts. Used once, on one thread; borrows what
// it is given.
class MessageDecoder {
 public:
  MessageDecoder(core::Request& request, RequestTexts& texts) : request_(request), texts_(texts) {}

  // Errors: kInvalidArgument with the path of the field at fault.
  Result<void> DecodeMessages(const json::Value& messages);
  // The documents beside the messages stand in front of the last question. `cited`: the answer must
  // say which of them it rests on; otherwise they are text of the prompt like any other.
  // REQUIRES: DecodeMessages has returned.
  Result<void> DecodeDocuments(const json::Value& documents, bool cited);

 private:
  Result<void> DecodeMessage(const json::Value& value);
  Result<void> DecodeContent(const json::Member& content, core::Role role,
                             std::vector<core::Part>& parts);
  Result<void> DecodePart(const json::Value& value, core::Role role,
                          std::vector<core::Part>& parts);
  Result<void> DecodeImage(const json::Value& value, core::Part& part);
  Result<void> DecodeToolCalls(const json::Value& calls, core::Message& message);
  Result<void> DecodeToolCall(const json::Value& value, core::Part& call);
  Result<void> CountMedia(const json::Value& at);

  core::Request& request_;
  RequestTexts& texts_;
  std::unordered_map<std::string_view, std::string_view> calls_;  // names by id, so far
};

}  // namespace tidegate::protocols::cohere_chat
