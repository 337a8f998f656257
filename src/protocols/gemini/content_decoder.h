// Reading contents: the turns of a conversation and the system instruction.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::gemini {

// Adds to the request's messages, needs, text_bytes and media_parts. Borrows what it is given; one
// thread.
class ContentDecoder {
 public:
  ContentDecoder(core::Request& request, RequestTexts& texts) : request_(request), texts_(texts) {}

  Result<void> DecodeSystem(const json::Value& content);
  // A turn. Clients that keep a stream's chunks send each of them as a turn of its own, so turns of
  // the model that stand behind one another are one message, and texts in it one text.
  Result<void> DecodeTurn(const json::Value& content);

 private:
  enum class Place : std::uint8_t { kSystem, kUser, kModel, kResult };
  struct Call {
    std::string_view id, name;
    bool answered = false;
  };

  Result<void> DecodeParts(const json::Value& parts, Place place, core::Message& message);
  Result<void> DecodePart(const json::Value& value, Place place, std::vector<core::Part>& parts);
  template <typename FieldsOf>
  Result<void> DecodeText(const FieldsOf& fields, Place place, std::vector<core::Part>& parts);
  template <typename FieldsOf>
  Result<core::OpaqueState> DecodeSignature(const FieldsOf& fields, bool of_thought);
  template <typename FieldsOf>
  Result<void> DecodeMedia(const FieldsOf& fields, Place place, core::Part& part);
  Result<void> DecodeBlob(const json::Value& blob, core::Part& part);
  Result<void> DecodeFileData(const json::Value& data, core::Part& part);
  Result<void> DecodeMediaType(const json::Member& member, core::Part& part);
  Result<void> DecodeCall(const json::Value& value, core::Part& part);
  Result<void> DecodeResult(const json::Value& value, core::Part& part);
  Result<void> DecodeResponse(const json::Value& response, core::Part& part);
  Call* FindCall(std::string_view id, std::string_view name);
  std::string_view MakeCallId();
  void AddText(std::vector<core::Part>& parts, core::Part part, Place place);

  core::Request& request_;
  RequestTexts& texts_;
  std::vector<Call> calls_;                                  // of the conversation so far
  std::unordered_map<std::string_view, std::size_t> by_id_;  // the last of that id
  std::unordered_map<std::string_view, std::deque<std::size_t>> unanswered_;  // by name
  std::unordered_set<std::string_view> ids_of_turn_;
  std::string* growing_ = nullptr;  // the text of the last part, when we wrote it
};

}  // namespace tidegate::protocols::gemini
