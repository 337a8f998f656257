#include "protocols/bedrock_converse/usage_reader.h"

#include <cstdint>
#include <string_view>

#include "protocols/bedrock_converse/limits.h"
#include "protocols/json_members.h"

namespace tidegate::protocols::bedrock_converse {

// The service counts the input without what was read from or written to its cache.
std::optional<core::Usage> ReadUsage(const json::Object& holder) {
  const std::optional<json::Value> member = FindSet(holder, "usage");
  if (!member) return std::nullopt;
  core::Usage usage;
  if (!member->is_object()) {
    usage.estimated = true;
    return usage;
  }
  const json::Object object = *member->Object();
  const auto read = [&](std::string_view key, bool required) -> std::int64_t {
    const std::optional<json::Value> value = FindSet(object, key);
    if (!value) {
      usage.estimated |= required;
      return 0;
    }
    const Result<std::int64_t> number = value->IntegerIn(0, kUsageTokensMax / 4);
    usage.estimated |= !number.ok();
    return number.ok() ? *number : 0;
  };
  const std::int64_t fresh = read("inputTokens", true);
  usage.cached_read_tokens = read("cacheReadInputTokens", false);
  usage.cached_write_tokens = read("cacheWriteInputTokens", false);
  usage.input_tokens = fresh + usage.cached_read_tokens + usage.cached_write_tokens;
  usage.output_tokens = read("outputTokens", true);
  return usage;
}

}  // namespace tidegate::protocols::bedrock_converse
