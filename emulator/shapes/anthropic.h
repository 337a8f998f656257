// The Anthropic Messages protocol: what its files share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/shape.h"
#include "json/value.h"

namespace tidegate::emulator::anthropic {

inline constexpr std::int64_t kThinkingBudgetMin = 1024;
inline constexpr std::string_view kThinkingSeal = "anthropic.thinking";
inline constexpr std::string_view kRedactedSeal = "anthropic.redacted_thinking";

// The version that takes no sampling parameters any more, no documents of the assistant and no
// citations of the user.
inline constexpr std::string_view kStrictVersion = "2026-10-21";

// Reads a request of /v1/messages or, with `counting`, of /v1/messages/count_tokens. `strict`: of
// kStrictVersion.
Result<ChatRequest> ParseRequest(const json::Value& body, bool counting, bool strict);

// What a thought's signature is bound to: the turn of the user before it and its place among the
// blocks of its message. So no thought can move to another turn or place.
std::string ThoughtPlace(std::string_view user_turn, std::size_t block);
// The text of the user's last turn, and the ids of the tool results in it.
std::string UserTurn(const ChatRequest& request);

void WriteWhole(const Reply& reply, std::string& out);
std::unique_ptr<Frames> MakeFrames(const Reply& reply);
void WriteError(const Refusal& refusal, std::string& out);

}  // namespace tidegate::emulator::anthropic
