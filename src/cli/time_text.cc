#include "cli/time_text.h"

#include <charconv>

namespace tidegate::cli {
namespace {

constexpr std::int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::int64_t kYear = 365 * kDay;
constexpr std::int64_t kZeroTime = -62'135'596'800;  // 0001-01-01T00:00:00Z

// Days since 1970-01-01 of a date of the Gregorian calendar: years begin in March here, so that the
// leap day is the last.
constexpr std::int64_t DaysOf(std::int64_t year, std::int64_t month, std::int64_t day) {
  if (month <= 2) --year;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719'468;
}

// Takes `digits` decimal digits off the front.
std::optional<std::int64_t> TakeNumber(std::string_view& text, std::size_t digits) {
  std::int64_t number = 0;
  if (text.size() < digits) return std::nullopt;
  const std::string_view part = text.substr(0, digits);
  if (part.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::from_chars(part.data(), part.data() + part.size(), number);
  text.remove_prefix(digits);
  return number;
}

bool TakeLetter(std::string_view& text, std::string_view letters) {
  if (text.empty() || letters.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// "Z", "+01:00": seconds east of Greenwich.
std::optional<std::int64_t> TakeOffset(std::string_view& text) {
  if (TakeLetter(text, "Zz")) return 0;
  const bool west = text.starts_with('-');
  if (!TakeLetter(text, "+-")) return std::nullopt;
  const std::optional<std::int64_t> hours = TakeNumber(text, 2);
  if (!hours || !TakeLetter(text, ":")) return std::nullopt;
  const std::optional<std::int64_t> minutes = TakeNumber(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t offset = *hours * kHour + *minutes * kMinute;
  return west ? -offset : offset;
}

std::string Many(std::int64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what);
}

// Ollama's words and limits.
std::string Length(std::int64_t seconds) {
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < kMinute) return Many(seconds, "seconds");
  if (seconds < 2 * kMinute) return "About a minute";
  if (seconds < kHour) return Many(seconds / kMinute, "minutes");
  const std::int64_t hours = (seconds + kHour / 2) / kHour;
  if (hours == 1) return "About an hour";
  if (hours < 48) return Many(hours, "hours");
  if (hours < 24 * 7 * 2) return Many(hours / 24, "days");
  if (hours < 24 * 30 * 2) return Many(hours / 24 / 7, "weeks");
  if (hours < 24 * 365 * 2) return Many(hours / 24 / 30, "months");
  return Many(seconds / kYear, "years");
}

}  // namespace

std::optional<std::int64_t> ParseTime(std::string_view text) {
  const std::optional<std::int64_t> year = TakeNumber(text, 4);
  if (!year || !TakeLetter(text, "-")) return std::nullopt;
  const std::optional<std::int64_t> month = TakeNumber(text, 2);
  if (!month || *month < 1 || *month > 12 || !TakeLetter(text, "-")) return std::nullopt;
  const std::optional<std::int64_t> day = TakeNumber(text, 2);
  if (!day || *day < 1 || *day > 31 || !TakeLetter(text, "Tt ")) return std::nullopt;
  const std::optional<std::int64_t> hour = TakeNumber(text, 2);
  if (!hour || *hour > 23 || !TakeLetter(text, ":")) return std::nullopt;
  const std::optional<std::int64_t> minute = TakeNumber(text, 2);
  if (!minute || *minute > 59 || !TakeLetter(text, ":")) return std::nullopt;
  const std::optional<std::int64_t> second = TakeNumber(text, 2);
  if (!second || *second > 60) return std::nullopt;
  if (TakeLetter(text, ".")) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
    text.remove_prefix(digits);
  }
  const std::optional<std::int64_t> offset = TakeOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return DaysOf(*year, *month, *day) * kDay + *hour * kHour + *minute * kMinute + *second - *offset;
}

std::string RelativeTime(std::int64_t then_s, std::int64_t now_s, std::string_view never) {
  if (then_s == kZeroTime) return std::string(never);
  const std::int64_t ahead = then_s - now_s;
  if (ahead / kYear > 20) return "Forever";
  return ahead > 0 ? Length(ahead) + " from now" : Length(-ahead) + " ago";
}

}  // namespace tidegate::cli
