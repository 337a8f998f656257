#include "emulator/prefix_cache.h"

#include <algorithm>

#include "emulator/seed.h"

namespace tidegate::emulator {

std::int64_t PrefixCache::Use(const ChatRequest& request) {
  if (seen_.size() + request.messages.size() > kPrefixesMax) seen_.clear();
  std::uint64_t hash = Hash(request.schema);
  for (const Tool& tool : request.tools) hash = Hash(tool.schema, Hash(tool.name, hash));
  std::int64_t tokens = kTokensPerPrompt + request.extra_prompt_tokens;
  std::int64_t cached = 0;
  for (const Message& message : request.messages) {
    hash = Hash(message.text, Hash(message.role, hash));
    tokens += message.tokens;
    if (tokens < tokens_min_) continue;
    const bool known = !seen_.insert_or_assign(hash, tokens).second;
    if (known) cached = std::max(cached, tokens);
  }
  return cached;
}

}  // namespace tidegate::emulator
