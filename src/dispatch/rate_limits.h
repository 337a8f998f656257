// A provider's rate limits, told to the client in the client's own words.
//
// Vendors say the same six things under names and in forms of their own. Between a client and a
// provider who use the same names every field of that kind passes as it came; else each is read and
// written anew, and what cannot be read is left out rather than guessed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/rate_limits.h"
#include "net/http_head.h"
#include "protocols/rate_limit_words.h"

namespace tidegate::dispatch {

// Header lines, each with CRLF. Empty, and nothing allocated, where `head` states none of `fields`.
std::string RateLimitLines(const net::HttpHead& head, const core::RateLimitFields& fields,
                           const protocols::RateLimitWords& words, std::int64_t wall_nanos);

// How long it is, in nanoseconds, until the moment that `text` states in any of the ways that
// vendors have: "6m0s", "2m59.56s", "12ms"; seconds, perhaps with a fraction; seconds or
// milliseconds since 1970; RFC 3339. A moment that has passed is 0. Nothing: it cannot be read, or
// is more than 366 days away.
std::optional<std::int64_t> ReadReset(std::string_view text, std::int64_t wall_nanos);

}  // namespace tidegate::dispatch
