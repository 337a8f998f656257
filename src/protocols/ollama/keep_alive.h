// Ollama's `keep_alive`, which its chats and its embeddings have.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "core/constraints.h"
#include "core/keep_alive.h"
#include "json/value.h"

namespace tidegate::protocols::ollama {

// Seconds, or a duration as Go writes it; an absent one says nothing.
inline Result<void> DecodeKeepAlive(const std::optional<json::Value>& value,
                                    core::Constraints& into) {
  if (!value) return {};
  if (value->is_string()) {
    const std::optional<std::int64_t> nanos = core::ParseKeepAlive(*value->String());
    if (!nanos) return value->Invalid("must be a number of seconds or a duration, as \"5m\"");
    into.keep_alive_nanos = *nanos;
    return {};
  }
  TIDEGATE_ASSIGN(const double seconds, value->Number());
  into.keep_alive_nanos = core::KeepAliveOfSeconds(seconds);
  return {};
}

}  // namespace tidegate::protocols::ollama
