// Moments as people read them: "3 days ago", "4 minutes from now".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::cli {

// RFC 3339, as "2026-11-22T10:45:00.123456789+01:00": seconds since 1970-01-01T00:00:00Z, in the
// past or the future of any length. Nothing for other texts.
std::optional<std::int64_t> ParseTime(std::string_view text);

// How far from `now_s`: "Less than a second ago", "About an hour ago", "3 weeks from now";
// "Forever" beyond twenty years ahead, and `never` for Go's zero time.
std::string RelativeTime(std::int64_t then_s, std::int64_t now_s, std::string_view never);

}  // namespace tidegate::cli
