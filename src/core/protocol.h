// The wire protocols that clients and upstreams speak.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tidegate::core {

enum class Protocol : std::uint8_t {
  kOpenAiChat,
  kOpenAiResponses,
  kAnthropicMessages,
  kGemini,
  kOllama,
  kCohereChat,
  kBedrockConverse,
  kReplicate,  // to upstreams only
  kOpenAiCompletions,
};
inline constexpr int kProtocols = 9;

std::string_view ToString(Protocol protocol);  // "openai_chat", "anthropic_messages", …
std::optional<Protocol> ParseProtocol(std::string_view text);

}  // namespace tidegate::core
