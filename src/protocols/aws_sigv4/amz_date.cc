#include "protocols/aws_sigv4/amz_date.h"

#include <chrono>

#include "base/clock.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

constexpr std::string_view kShape = "00000000T000000Z";
// Years whose nanoseconds fit; the format is younger than the first of them anyway.
constexpr unsigned kYearMin = 1970;
constexpr unsigned kYearMax = 2200;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool HasShape(std::string_view text) {
  if (text.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kShape[i] == '0' ? !IsDigit(text[i]) : text[i] != kShape[i]) return false;
  }
  return true;
}

unsigned Number(std::string_view digits) {
  unsigned number = 0;
  for (const char digit : digits) number = 10 * number + static_cast<unsigned>(digit - '0');
  return number;
}

}  // namespace

std::string FormatAmzDate(std::int64_t wall_nanos) {
  std::string date;
  for (const char c : FormatUtc(wall_nanos).substr(0, 19)) {  // 2015-08-30T12:36:00
    if (c != '-' && c != ':') date.push_back(c);
  }
  date.push_back('Z');
  return date;
}

std::optional<std::int64_t> ParseAmzDate(std::string_view text) {
  if (!HasShape(text)) return std::nullopt;
  const unsigned year = Number(text.substr(0, 4));
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(year)),
                                        std::chrono::month(Number(text.substr(4, 2))),
                                        std::chrono::day(Number(text.substr(6, 2)))};
  const unsigned hour = Number(text.substr(9, 2));
  const unsigned minute = Number(text.substr(11, 2));
  const unsigned second = Number(text.substr(13, 2));
  if (year < kYearMin || year > kYearMax || !day.ok()) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  return (days * 86'400 + hour * 3600 + minute * 60 + second) * kNanosPerSecond;
}

}  // namespace tidegate::protocols::aws_sigv4
