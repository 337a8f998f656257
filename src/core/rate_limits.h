// What an answer's header says of the rate limits that it counted against.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tidegate::core {

enum class RateLimitFact : std::uint8_t {
  kRequestsLimit,  // how many there may be in a window
  kRequestsLeft,   // how many of them are left
  kRequestsReset,  // when the window ends
  kTokensLimit,
  kTokensLeft,
  kTokensReset,
};
inline constexpr std::size_t kRateLimitFacts = 6;

constexpr bool IsReset(RateLimitFact fact) {
  return fact == RateLimitFact::kRequestsReset || fact == RateLimitFact::kTokensReset;
}

// The header field that states each of them, lower case; empty = none does.
struct RateLimitFields {
  std::array<std::string, kRateLimitFacts> names;

  const std::string& operator[](RateLimitFact fact) const {
    return names[static_cast<std::size_t>(fact)];
  }
  std::string& operator[](RateLimitFact fact) { return names[static_cast<std::size_t>(fact)]; }
  bool empty() const {
    for (const std::string& name : names) {
      if (!name.empty()) return false;
    }
    return true;
  }
};

}  // namespace tidegate::core
