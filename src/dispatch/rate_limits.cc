#include "dispatch/rate_limits.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/ascii.h"
#include "base/clock.h"
#include "dispatch/limits.h"
#include "net/limits.h"

namespace tidegate::dispatch {
namespace {

using core::RateLimitFact;

constexpr std::int64_t kMinute = 60 * net::kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kResetMax = 366 * kDay;
// Numbers from here on are moments since 1970 and no waiting times.
constexpr double kEpochSecondsMin = 1e9;
constexpr double kEpochMillisecondsMin = 1e12;

struct Unit {
  std::string_view name;
  std::int64_t nanos;
};
constexpr Unit kUnits[] = {
    {"ms", net::kMillisecond}, {"us", 1'000}, {"ns", 1}, {"d", kDay}, {"h", kHour}, {"m", kMinute},
    {"s", net::kSecond}};

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && EqualsIgnoreCase(text.substr(0, prefix.size()), prefix);
}

// Takes a number from the front of `text`.
std::optional<double> TakeNumber(std::string_view& text) {
  double number = 0;
  const auto parsed =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (parsed.ec != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return number;
}

std::optional<std::int64_t> Bounded(double nanos) {
  if (nanos > static_cast<double>(kResetMax)) return std::nullopt;
  return std::max<std::int64_t>(0, std::llround(nanos));
}

// "1h2m3.5s": parts with a unit each.
std::optional<std::int64_t> ReadParts(std::string_view text) {
  double sum = 0;
  while (!text.empty()) {
    const std::optional<double> number = TakeNumber(text);
    if (!number) return std::nullopt;
    const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                    [&](const Unit& each) { return text.starts_with(each.name); });
    if (unit == std::end(kUnits)) return std::nullopt;
    text.remove_prefix(unit->name.size());
    sum += *number * static_cast<double>(unit->nanos);
  }
  return Bounded(sum);
}

// Takes exactly `digits` digits and what must stand behind them.
std::optional<int> TakeDigits(std::string_view& text, std::size_t digits, std::string_view behind) {
  int number = 0;
  if (text.size() < digits) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + digits, number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + digits || number < 0)
    return std::nullopt;
  text.remove_prefix(digits);
  if (!text.starts_with(behind)) return std::nullopt;
  text.remove_prefix(behind.size());
  return number;
}

// The offset from UTC at the end of RFC 3339, in nanoseconds: "Z", "+01:00".
std::optional<std::int64_t> ReadOffset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (!text.starts_with('+') && !text.starts_with('-')) return std::nullopt;
  const std::int64_t sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = TakeDigits(text, 2, ":");
  if (!hours || *hours > 23) return std::nullopt;
  const auto minutes = TakeDigits(text, 2, "");
  if (!minutes || *minutes > 59 || !text.empty()) return std::nullopt;
  return sign * (*hours * kHour + *minutes * kMinute);
}

std::optional<std::int64_t> ReadTimestamp(std::string_view text, std::int64_t wall_nanos) {
  const auto year = TakeDigits(text, 4, "-");
  const auto month = year ? TakeDigits(text, 2, "-") : year;
  const auto day = month ? TakeDigits(text, 2, "T") : month;
  const auto hour = day ? TakeDigits(text, 2, ":") : day;
  const auto minute = hour ? TakeDigits(text, 2, ":") : hour;
  const auto second = minute ? TakeDigits(text, 2, "") : minute;
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  double fraction = 0;
  if (text.starts_with('.')) {
    const std::optional<double> number = TakeNumber(text);
    if (!number || *number >= 1) return std::nullopt;
    fraction = *number;
  }
  const std::optional<std::int64_t> offset = ReadOffset(text);
  if (!offset) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + *hour * 3'600 + *minute * 60 + *second;
  // In seconds, since nanoseconds since 1970 end in 2262.
  const std::int64_t wait_s = seconds - *offset / net::kSecond - wall_nanos / net::kSecond;
  return Bounded((static_cast<double>(wait_s) + fraction) * static_cast<double>(net::kSecond) -
                 static_cast<double>(wall_nanos % net::kSecond));
}

std::string WriteDuration(std::int64_t nanos) {
  if (nanos < net::kSecond) {
    return std::to_string((nanos + net::kMillisecond - 1) / net::kMillisecond) + "ms";
  }
  const std::int64_t seconds = (nanos + net::kSecond - 1) / net::kSecond;
  std::string out;
  if (seconds >= 3'600) out += std::to_string(seconds / 3'600) + "h";
  if (seconds >= 60) out += std::to_string(seconds / 60 % 60) + "m";
  return out + std::to_string(seconds % 60) + "s";
}

std::string WriteTimestamp(std::int64_t nanos, std::int64_t wall_nanos) {
  const std::int64_t seconds = (wall_nanos + nanos + net::kSecond - 1) / net::kSecond;
  return FormatUtc(seconds * net::kSecond).substr(0, 19) + "Z";
}

// A value of the provider's as the client knows it; empty = it cannot be.
std::string Translate(RateLimitFact fact, std::string_view value, protocols::ResetForm form,
                      std::int64_t wall_nanos) {
  if (core::IsReset(fact)) {
    const std::optional<std::int64_t> wait = ReadReset(value, wall_nanos);
    if (!wait) return {};
    return form == protocols::ResetForm::kDuration ? WriteDuration(*wait)
                                                   : WriteTimestamp(*wait, wall_nanos);
  }
  const bool digits = !value.empty() && value.size() <= 18 &&
                      value.find_first_not_of("0123456789") == std::string_view::npos;
  return digits ? std::string(value) : std::string();  // Azure says -1 where it does not know
}

bool IsPlain(std::string_view value) {
  return value.size() <= kRateLimitValueBytesMax &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < 0x7F; });
}

// Whether the provider's own names are the client's.
bool SameNames(const core::RateLimitFields& fields, const protocols::RateLimitWords& words) {
  return fields[RateLimitFact::kRequestsLeft] ==
         words.names[static_cast<std::size_t>(RateLimitFact::kRequestsLeft)];
}

std::string PassOn(const net::HttpHead& head, std::string_view prefix) {
  std::string lines;
  std::size_t passed = 0;
  for (std::size_t i = 0; i < head.fields() && passed < kRateLimitFieldsMax; ++i) {
    const std::string_view name = head.name(i);
    if (!StartsWithIgnoringCase(name, prefix) || !IsPlain(head.value(i))) continue;
    net::AppendField(lines, name, head.value(i));
    ++passed;
  }
  return lines;
}

}  // namespace

std::optional<std::int64_t> ReadReset(std::string_view text, std::int64_t wall_nanos) {
  if (text.find('T') != std::string_view::npos) return ReadTimestamp(text, wall_nanos);
  std::string_view rest = text;
  const std::optional<double> number = TakeNumber(rest);
  if (!number) return std::nullopt;
  if (!rest.empty()) return ReadParts(text);
  constexpr auto kSecond = static_cast<double>(net::kSecond);
  const auto now = static_cast<double>(wall_nanos);
  if (*number >= kEpochMillisecondsMin) return Bounded(*number * net::kMillisecond - now);
  if (*number >= kEpochSecondsMin) return Bounded(*number * kSecond - now);
  return Bounded(*number * kSecond);
}

std::string RateLimitLines(const net::HttpHead& head, const core::RateLimitFields& fields,
                           const protocols::RateLimitWords& words, std::int64_t wall_nanos) {
  if (SameNames(fields, words)) return PassOn(head, words.prefix);
  std::string lines;
  for (std::size_t i = 0; i < core::kRateLimitFacts; ++i) {
    const auto fact = static_cast<RateLimitFact>(i);
    if (fields[fact].empty()) continue;
    const std::optional<std::string_view> value = head.Find(fields[fact]);
    if (!value || value->size() > kRateLimitValueBytesMax) continue;
    const std::string told = Translate(fact, net::Trim(*value), words.reset, wall_nanos);
    if (!told.empty()) net::AppendField(lines, words.names[i], told);
  }
  return lines;
}

}  // namespace tidegate::dispatch
