// The OpenAI Responses protocol: what its files share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/response_store.h"
#include "emulator/shape.h"
#include "json/value.h"

namespace tidegate::emulator::responses {

inline constexpr std::string_view kReasoningSeal = "responses.reasoning";

// What the answer repeats of its request, and what is kept for later requests.
struct Extra : RequestExtra {
  bool store = true;
  bool encrypted_reasoning = false;  // include: reasoning.encrypted_content
  bool summary = false;              // of the reasoning
  std::string previous_id;
  std::string input = "[]";         // items of this request
  std::string conversation = "[]";  // items of all requests and answers up to the answer
  std::string echo;                 // members of the response as JSON, behind a comma
};

Result<ChatRequest> ParseRequest(const json::Value& body, const ResponseStore& store);

// The items of `array` and then `more`: two JSON arrays as one.
std::string JoinArrays(std::string_view array, std::string_view more);

void WriteResponse(const Reply& reply, std::string& out);
// The answer's items, as a JSON array.
std::string OutputItems(const Reply& reply);
std::unique_ptr<Frames> MakeFrames(const Reply& reply);

}  // namespace tidegate::emulator::responses
