#include "emulator/rate_fields.h"

#include <fmt/format.h>

#include "base/clock.h"

namespace tidegate::emulator {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMillisecond = 1'000'000;

// One line of a limit that is told in another way for requests and for tokens.
struct Told {
  std::string_view unit;  // "requests", "tokens"
  std::int64_t limit, left;
};

std::string OneLimit(RateFields style, const Told& told, std::int64_t reset_s,
                     std::int64_t wall_nanos) {
  const bool tokens = told.unit == "tokens";
  switch (style) {
    case RateFields::kOpenAi:
      return fmt::format(
          "x-ratelimit-limit-{0}: {1}\r\nx-ratelimit-remaining-{0}: {2}\r\n"
          "x-ratelimit-reset-{0}: {3}s\r\n",
          told.unit, told.limit, told.left, reset_s);
    case RateFields::kAnthropic:
      return fmt::format(
          "anthropic-ratelimit-{0}-limit: {1}\r\nanthropic-ratelimit-{0}-remaining: {2}\r\n"
          "anthropic-ratelimit-{0}-reset: {3}\r\n",
          told.unit, told.limit, told.left, FormatUtc(wall_nanos + reset_s * kSecond));
    case RateFields::kMistral:
      return fmt::format(
          "x-ratelimit-limit-{0}-minute: {1}\r\nx-ratelimit-remaining-{0}-minute: {2}\r\n",
          tokens ? "tokens" : "req", told.limit, told.left);
    case RateFields::kCerebras:
      return fmt::format(
          "x-ratelimit-limit-{0}-{4}: {1}\r\nx-ratelimit-remaining-{0}-{4}: {2}\r\n"
          "x-ratelimit-reset-{0}-{4}: {3}.25\r\n",
          told.unit, told.limit, told.left, reset_s, tokens ? "minute" : "day");
    case RateFields::kTogether:
      if (tokens) {
        return fmt::format("x-tokenlimit-limit: {}\r\nx-tokenlimit-remaining: {}\r\n", told.limit,
                           told.left);
      }
      return fmt::format(
          "x-ratelimit-limit: {}\r\nx-ratelimit-remaining: {}\r\nx-ratelimit-reset: {}\r\n",
          told.limit, told.left, reset_s);
    case RateFields::kOpenRouter:
      if (tokens) return {};
      return fmt::format(
          "X-RateLimit-Limit: {}\r\nX-RateLimit-Remaining: {}\r\nX-RateLimit-Reset: {}\r\n",
          told.limit, told.left, wall_nanos / kMillisecond + reset_s * 1'000);
    case RateFields::kIetf:
      if (tokens) return {};
      return fmt::format(
          "ratelimit-limit: {}\r\nratelimit-remaining: {}\r\nratelimit-reset: {}\r\n", told.limit,
          told.left, reset_s);
    case RateFields::kNone:
      return {};
  }
  return {};
}

}  // namespace

std::string RateLimitFields(RateFields style, const Model& model,
                            const RateLimit::Decision& decision, std::int64_t wall_nanos) {
  std::string fields;
  if (model.requests_per_minute_max > 0) {
    fields += OneLimit(style, {"requests", model.requests_per_minute_max, decision.remaining},
                       decision.reset_s, wall_nanos);
  }
  if (model.tokens_per_minute_max > 0) {
    fields += OneLimit(style, {"tokens", model.tokens_per_minute_max, decision.tokens_left},
                       decision.reset_s, wall_nanos);
  }
  return fields;
}

}  // namespace tidegate::emulator
