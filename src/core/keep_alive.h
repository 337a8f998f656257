// How long a model stays in memory while nobody uses it, as callers say it: in seconds, or as a
// duration of Go's, which Ollama's clients send.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tidegate::core {

// "5m", "1h30m", "1.5s", "100ms", "-1s", "0" in nanoseconds; too long a time is the longest there
// is. Nothing when it is no duration.
std::optional<std::int64_t> ParseDuration(std::string_view text);

// In nanoseconds; negative, and then -1: until it has to make room for another. Too long a time is
// the longest there is.
std::int64_t KeepAliveOfSeconds(double seconds);
std::optional<std::int64_t> ParseKeepAlive(std::string_view duration);  // nothing: it is none

}  // namespace tidegate::core
