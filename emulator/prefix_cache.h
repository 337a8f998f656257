// The prompt cache of a provider: how many tokens at the start of a prompt were seen before.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "emulator/chat.h"

namespace tidegate::emulator {

inline constexpr std::size_t kPrefixesMax = 65'536;

struct CacheUse {
  std::int64_t read = 0;     // tokens of the longest prefix seen before
  std::int64_t written = 0;  // tokens behind it up to the last mark; 0 for a request without marks
};

// A prefix ends with a message; tools and schemas are part of each. Of a request that caches on
// request, only the prefixes with a mark are kept, and nothing behind the last mark is looked up.
// When kPrefixesMax are known, all are forgotten. Not thread-safe.
class PrefixCache {
 public:
  // Shorter prefixes than `tokens_min` are not cached.
  explicit PrefixCache(std::int64_t tokens_min) : tokens_min_(tokens_min) {}
  // The prefixes of `request` count as seen afterwards.
  CacheUse Use(const ChatRequest& request);
  void Clear() { seen_.clear(); }

 private:
  std::int64_t tokens_min_;
  std::unordered_map<std::uint64_t, std::int64_t> seen_;  // hash -> tokens
};

}  // namespace tidegate::emulator
