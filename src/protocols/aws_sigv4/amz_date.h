// The time of a signature as x-amz-date writes it: "20150830T123600Z".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::protocols::aws_sigv4 {

// The day of it is its first kDayBytes.
inline constexpr std::size_t kDayBytes = 8;

std::string FormatAmzDate(std::int64_t wall_nanos);
// Nothing unless it is exactly such a text and a time that exists.
std::optional<std::int64_t> ParseAmzDate(std::string_view text);

}  // namespace tidegate::protocols::aws_sigv4
