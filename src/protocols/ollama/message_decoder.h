// Reading the `messages` of a chat, and what a prompt and its images are as a message.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::ollama {

// Fills request.messages, needs, text_bytes and media_parts. Used once, on one thread; borrows what
// it is given. Errors: kInvalidArgument with the path of the field at fault.
//
// Ids of tool calls are optional here, and results may name the tool instead, or nothing at all. So
// calls without an id get one, and a result belongs to the call of its id, else to the first one of
// its tool's name that has no result yet, else to the first one without a result.
class MessageDecoder {
 public:
  MessageDecoder(core::Request& request, RequestTexts& texts) : request_(request), texts_(texts) {}

  Result<void> Decode(const json::Value& messages);
  // Base64 texts, behind the other parts of a message.
  Result<void> DecodeImages(const json::Value& images, std::vector<core::Part>& parts);

 private:
  struct Call {
    std::string_view id, name;
    bool answered = false;
  };

  Result<void> DecodeMessage(const json::Value& value);
  Result<void> DecodeImage(const json::Value& value, std::vector<core::Part>& parts);
  Result<void> DecodeCalls(const json::Value& calls, core::Message& message);
  Result<void> DecodeCall(const json::Value& value, core::Message& message);
  void MakeResult(const json::Value& at, std::string_view id, std::string_view name,
                  core::Message& message);
  Call* FindOpenCall(std::string_view name);

  core::Request& request_;
  RequestTexts& texts_;
  std::vector<Call> open_;  // of the latest message that called tools
  std::unordered_map<std::string_view, std::size_t> open_ids_;    // places in open_
  std::unordered_map<std::string_view, std::string_view> calls_;  // names by id, of all so far
};

}  // namespace tidegate::protocols::ollama
