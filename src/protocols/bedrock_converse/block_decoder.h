// Reading content blocks: of messages, of the system prompt, of tool results.
//
// A block is an object with one member, whose name says what it is.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::bedrock_converse {

// Where a block stands decides what it may be.
enum class Place : std::uint8_t { kSystem, kUser, kAssistant, kToolResult };

// The member of an object that has exactly one. Errors: kInvalidArgument at the object.
Result<json::Member> ReadUnion(const json::Value& value);

// Adds to the request's needs, text_bytes and media_parts. Borrows what it is given; one thread.
class BlockDecoder {
 public:
  BlockDecoder(core::Request& request, RequestTexts& texts) : request_(request), texts_(texts) {}

  // Ids name one call within a message; later turns may use them again.
  void BeginMessage() { ids_.clear(); }
  // An array of blocks. A mark of the cache with nothing before it in `parts` goes to the last part
  // of the messages so far. Errors: kInvalidArgument with the field's path.
  Result<void> Decode(const json::Value& content, Place place, std::vector<core::Part>& parts);

 private:
  Result<void> DecodeBlock(const json::Value& block, Place place, std::vector<core::Part>& parts);
  Result<void> DecodePart(const json::Member& member, core::Part& part);
  Result<void> DecodeText(const json::Member& member, core::Part& part);
  Result<void> DecodeMark(const json::Value& value, std::vector<core::Part>& parts);
  Result<void> DecodeMedia(const json::Value& block, core::Part& part);
  Result<void> DecodeDocument(const json::Value& block, core::Part& part);
  Result<void> DecodeSource(const json::Value& source, core::Part& part);
  Result<void> DecodeFormat(const json::Value& format, core::Part& part);
  Result<void> DecodeReasoning(const json::Value& block, core::Part& part);
  Result<void> DecodeReasoningText(const json::Value& value, core::Part& part);
  Result<void> DecodeToolUse(const json::Value& block, core::Part& part);
  Result<void> DecodeToolResult(const json::Value& block, core::Part& part);
  Result<void> DecodeCitations(const json::Value& block, core::Part& part);
  Result<void> CountMedia(const json::Value& at);

  core::Request& request_;
  RequestTexts& texts_;
  std::unordered_map<std::string_view, std::string_view> calls_;  // names by id, so far
  std::unordered_set<std::string_view> ids_;                      // of calls of this message
};

}  // namespace tidegate::protocols::bedrock_converse
