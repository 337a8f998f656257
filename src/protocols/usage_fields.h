// Reading the numbers of a usage object. What cannot be believed is left out, and said.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/usage.h"
#include "json/value.h"
#include "protocols/limits.h"

namespace tidegate::protocols {

// Sets `out` when the member is there. False when it is there and cannot be believed.
inline bool ReadCount(const json::Object& object, std::string_view key, std::int64_t& out) {
  const std::optional<json::Value> value = object.Find(key);
  if (!value || value->is_null()) return true;
  if (value->kind() != json::Kind::kInteger && value->kind() != json::Kind::kDouble) return false;
  const Result<std::int64_t> count = value->Integer();
  if (!count.ok() || *count < 0 || *count > kUsageTokensMax) return false;
  out = *count;
  return true;
}

// A number inside a details object, which may be missing or null.
inline bool ReadCountIn(const json::Object& usage, std::string_view details, std::string_view key,
                        std::int64_t& out) {
  const std::optional<json::Value> value = usage.Find(details);
  if (!value || value->is_null()) return true;
  return value->is_object() && ReadCount(*value->Object(), key, out);
}

// A part cannot be larger than its whole: cuts the parts. False when it had to.
inline bool ClampParts(core::Usage& usage) {
  const auto clamp = [](std::int64_t whole, std::int64_t& part) {
    if (part <= whole) return true;
    part = whole;
    return false;
  };
  bool believed = clamp(usage.input_tokens, usage.cached_read_tokens);
  believed &= clamp(usage.input_tokens - usage.cached_read_tokens, usage.cached_write_tokens);
  believed &= clamp(usage.output_tokens, usage.reasoning_tokens);
  return believed;
}

}  // namespace tidegate::protocols
