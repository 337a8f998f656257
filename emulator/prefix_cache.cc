#include "emulator/prefix_cache.h"

#include <algorithm>

#include "emulator/seed.h"

namespace tidegate::emulator {

CacheUse PrefixCache::Use(const ChatRequest& request) {
  if (seen_.size() + request.messages.size() > kPrefixesMax) seen_.clear();
  std::size_t end = request.messages.size();
  if (request.caches_on_request) {
    while (end > 0 && !request.messages[end - 1].cache_mark) --end;
    if (end == 0 && !request.tools_cache_mark) return {};
  }
  std::uint64_t hash = Hash(request.schema);
  for (const Tool& tool : request.tools) hash = Hash(tool.schema, Hash(tool.name, hash));
  std::int64_t tokens = kTokensPerPrompt + request.extra_prompt_tokens;
  CacheUse use;
  std::int64_t kept = 0;
  const auto visit = [&](bool keep) {
    if (tokens < tokens_min_) return;
    if (seen_.contains(hash)) use.read = std::max(use.read, tokens);
    if (keep) seen_.insert_or_assign(hash, tokens);
    if (keep) kept = tokens;
  };
  if (request.caches_on_request) visit(request.tools_cache_mark);
  for (std::size_t i = 0; i < end; ++i) {
    const Message& message = request.messages[i];
    hash = Hash(message.text, Hash(message.role, hash));
    tokens += message.tokens;
    visit(!request.caches_on_request || message.cache_mark);
  }
  if (request.caches_on_request) use.written = std::max<std::int64_t>(0, kept - use.read);
  return use;
}

}  // namespace tidegate::emulator
