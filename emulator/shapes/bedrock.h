// Amazon Bedrock's Converse protocol: what its files share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/shape.h"
#include "json/value.h"

namespace tidegate::emulator::bedrock {

// Operations beyond a chat.
inline constexpr int kCountTokens = 1;

inline constexpr std::string_view kReasoningSeal = "bedrock.reasoning";

Result<ChatRequest> ParseRequest(const Received& received, const json::Value& body);

// The signature of a thought is bound to its text and to the user's turn before it.
std::string SignThought(std::string_view user_turn, std::string_view text);
std::string UserTurn(const ChatRequest& request);

// "ThrottlingException" for 429, and so on.
std::string_view ExceptionName(int status);

void WriteWhole(const Reply& reply, std::string& out);
std::unique_ptr<Frames> MakeFrames(const Reply& reply);

}  // namespace tidegate::emulator::bedrock
