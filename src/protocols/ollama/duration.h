// Durations as Go writes them, which Ollama's keep_alive takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tidegate::protocols::ollama {

// "5m", "1h30m", "1.5s", "100ms", "-1s", "0" in nanoseconds; too long a time is the longest there
// is. Nothing when it is no duration.
std::optional<std::int64_t> ParseDuration(std::string_view text);

}  // namespace tidegate::protocols::ollama
