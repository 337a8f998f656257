// Reading `input`: the items of a conversation become messages.
//
// A turn of the assistant is several items here (a thought, a message, its calls) and one message
// everywhere else, so neighbouring items of one side become one message, in their order.
#pragma once

#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/openai_responses/tool_decoder.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::openai_responses {

// Adds to the request's messages, edits, needs, text_bytes and media_parts. Used once, on one
// thread; borrows what it is given.
class ItemDecoder {
 public:
  // `continues`: what the conversation began with is not in the body, so that a result may answer
  // a call that does not stand here.
  ItemDecoder(core::Request& request, RequestTexts& texts, ToolDecoder& tools, bool continues)
      : request_(request), texts_(texts), tools_(tools), continues_(continues) {}

  // A text of the user, or an array of items. Errors: kInvalidArgument with the field's path.
  Result<void> Decode(const json::Value& input);

 private:
  struct Call {
    std::string_view name;
    bool text_input = false;
  };

  Result<void> DecodeItem(const json::Value& item);
  Result<void> DecodeMessage(const json::Value& item);
  Result<void> DecodeContent(const json::Value& content, core::Role role,
                             std::vector<core::Part>& parts);
  Result<void> DecodePart(const json::Value& value, core::Role role,
                          std::vector<core::Part>& parts);
  Result<void> DecodeImage(const json::Value& value, core::Part& part);
  Result<void> DecodeFile(const json::Value& value, core::Part& part);
  Result<void> DecodeReasoning(const json::Value& item);
  Result<void> DecodeState(const json::Member& encrypted, core::Part& part, bool& enveloped);
  Result<void> DecodeFunctionCall(const json::Value& item);
  Result<void> DecodeCustomCall(const json::Value& item);
  Result<void> TakeCall(const json::Value& at, std::string_view id, core::Part call);
  Result<void> DecodeOutput(const json::Value& item, bool custom);
  Result<void> DecodeAddedTools(const json::Value& item);
  void PutStates();
  // The message that is being filled, or a new one of this role.
  core::Message& Open(core::Role role);

  core::Request& request_;
  RequestTexts& texts_;
  ToolDecoder& tools_;
  const bool continues_;
  bool removed_ = false;  // the item being read must not leave in the original bytes
  std::unordered_map<std::string_view, Call> calls_;  // by id, so far
  std::unordered_set<std::string_view> turn_ids_;     // of calls of the open turn
};

}  // namespace tidegate::protocols::openai_responses
