#include "emulator/rate_fields.h"

#include <fmt/format.h>

#include "base/clock.h"

namespace tidegate::emulator {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

std::string RateLimitFields(RateFields style, const Model& model,
                            const RateLimit::Decision& decision, std::int64_t wall_nanos) {
  const std::int64_t limit = model.requests_per_minute_max;
  if (limit == 0) return {};
  switch (style) {
    case RateFields::kNone:
      return {};
    case RateFields::kOpenAi:
      return fmt::format(
          "x-ratelimit-limit-requests: {}\r\nx-ratelimit-remaining-requests: {}\r\n"
          "x-ratelimit-reset-requests: {}s\r\n",
          limit, decision.remaining, decision.reset_s);
    case RateFields::kAnthropic:
      return fmt::format(
          "anthropic-ratelimit-requests-limit: {}\r\n"
          "anthropic-ratelimit-requests-remaining: {}\r\n"
          "anthropic-ratelimit-requests-reset: {}\r\n",
          limit, decision.remaining, FormatUtc(wall_nanos + decision.reset_s * kSecond));
    case RateFields::kMistral:
      return fmt::format(
          "x-ratelimit-limit-req-minute: {}\r\nx-ratelimit-remaining-req-minute: {}\r\n", limit,
          decision.remaining);
    case RateFields::kTogether:
      return fmt::format(
          "x-ratelimit-limit: {}\r\nx-ratelimit-remaining: {}\r\nx-ratelimit-reset: {}\r\n", limit,
          decision.remaining, decision.reset_s);
    case RateFields::kIetf:
      return fmt::format(
          "ratelimit-limit: {}\r\nratelimit-remaining: {}\r\nratelimit-reset: {}\r\n", limit,
          decision.remaining, decision.reset_s);
  }
  return {};
}

}  // namespace tidegate::emulator
