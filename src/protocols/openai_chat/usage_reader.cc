// ReadUsage of answer_reader.h.
#include <algorithm>
#include <optional>

#include "protocols/openai_chat/answer_reader.h"
#include "protocols/openai_chat/limits.h"

namespace tidegate::protocols::openai_chat {
namespace {

// Sets `out` when the member is there. False when it is there and cannot be believed.
bool ReadCount(const json::Object& object, std::string_view key, std::int64_t& out) {
  const std::optional<json::Value> value = object.Find(key);
  if (!value || value->is_null()) return true;
  if (value->kind() != json::Kind::kInteger && value->kind() != json::Kind::kDouble) return false;
  const Result<std::int64_t> count = value->Integer();
  if (!count.ok() || *count < 0 || *count > kUsageTokensMax) return false;
  out = *count;
  return true;
}

// A number inside a details object, which may be missing or null.
bool ReadDetail(const json::Object& usage, std::string_view details, std::string_view key,
                std::int64_t& out) {
  const std::optional<json::Value> value = usage.Find(details);
  if (!value || value->is_null()) return true;
  return value->is_object() && ReadCount(*value->Object(), key, out);
}

// A part cannot be larger than its whole.
bool ClampTo(std::int64_t whole, std::int64_t& part) {
  if (part <= whole) return true;
  part = whole;
  return false;
}

}  // namespace

core::Usage ReadUsage(const json::Value& value) {
  core::Usage usage;
  usage.estimated = true;
  if (!value.is_object()) return usage;
  const json::Object object = *value.Object();
  bool believed = ReadCount(object, "prompt_tokens", usage.input_tokens);
  believed &= ReadCount(object, "completion_tokens", usage.output_tokens);
  // DeepSeek's name, then the protocol's own.
  believed &= ReadCount(object, "prompt_cache_hit_tokens", usage.cached_read_tokens);
  believed &=
      ReadDetail(object, "prompt_tokens_details", "cached_tokens", usage.cached_read_tokens);
  // Anthropic's name behind translating servers, then the protocol's own.
  believed &= ReadCount(object, "cache_creation_input_tokens", usage.cached_write_tokens);
  believed &=
      ReadDetail(object, "prompt_tokens_details", "cache_write_tokens", usage.cached_write_tokens);
  believed &=
      ReadDetail(object, "completion_tokens_details", "reasoning_tokens", usage.reasoning_tokens);
  believed &=
      object.Find("prompt_tokens").has_value() || object.Find("completion_tokens").has_value();
  believed &= ClampTo(usage.input_tokens, usage.cached_read_tokens);
  believed &= ClampTo(usage.input_tokens - usage.cached_read_tokens, usage.cached_write_tokens);
  believed &= ClampTo(usage.output_tokens, usage.reasoning_tokens);
  usage.estimated = !believed;
  return usage;
}

}  // namespace tidegate::protocols::openai_chat
