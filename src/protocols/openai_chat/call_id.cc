#include "protocols/openai_chat/call_id.h"

#include <algorithm>
#include <cstdint>

#include "base/digest.h"

namespace tidegate::protocols::openai_chat {

bool IsCallIdOf(std::string_view id, std::size_t bytes) {
  return id.size() == bytes && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

std::string CallIdOf(std::string_view id, std::size_t bytes) {
  if (IsCallIdOf(id, bytes)) return std::string(id);
  constexpr std::string_view kLetters =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const auto digest = ComputeSha256(id);
  std::string made;
  for (std::size_t i = 0; i < bytes; ++i) {
    made += kLetters[static_cast<std::uint8_t>(digest[i % digest.size()]) % kLetters.size()];
  }
  return made;
}

}  // namespace tidegate::protocols::openai_chat
