#include "admin/query.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace tidegate::admin {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> Decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

template <typename T>
std::optional<T> ParseDecimal(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string FieldOf(std::string_view name) { return "query." + std::string(name); }

}  // namespace

std::optional<std::int32_t> ParseDay(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  constexpr std::size_t kDigits[] = {0, 1, 2, 3, 5, 6, 8, 9};
  for (const std::size_t i : kDigits) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year(*ParseDecimal<int>(text.substr(0, 4))),
      std::chrono::month(*ParseDecimal<unsigned>(text.substr(5, 2))),
      std::chrono::day(*ParseDecimal<unsigned>(text.substr(8, 2)))};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<std::int32_t>(days);
}

Result<Query> Query::Parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::optional<std::string> name = Decode(pair.substr(0, equals));
    std::optional<std::string> value = Decode(pair.substr(std::min(pair.size(), equals + 1)));
    if (!name || !value) return InvalidArgument("query", "broken percent-encoding in the query");
    for (const auto& [known, unused] : query.parameters_) {
      if (known == *name) return InvalidArgument(FieldOf(*name), "may be given once");
    }
    if (query.parameters_.size() == kQueryParametersMax) {
      return InvalidArgument("query", "too many parameters in the query");
    }
    query.parameters_.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

std::optional<std::string> Query::Take(std::string_view name) {
  for (auto it = parameters_.begin(); it != parameters_.end(); ++it) {
    if (it->first != name) continue;
    std::string value = std::move(it->second);
    parameters_.erase(it);
    return value;
  }
  return std::nullopt;
}

Result<std::int64_t> Query::TakeInteger(std::string_view name, std::int64_t low, std::int64_t high,
                                        std::int64_t absent) {
  const std::optional<std::string> text = Take(name);
  if (!text) return absent;
  const std::optional<std::int64_t> value = ParseDecimal<std::int64_t>(*text);
  if (!value || *value < low || *value > high) {
    return InvalidArgument(FieldOf(name), "must be a whole number from " + std::to_string(low) +
                                              " to " + std::to_string(high));
  }
  return *value;
}

Result<std::int32_t> Query::TakeDay(std::string_view name, std::int32_t absent) {
  const std::optional<std::string> text = Take(name);
  if (!text) return absent;
  const std::optional<std::int32_t> day = ParseDay(*text);
  if (!day) return InvalidArgument(FieldOf(name), "must be a date as 2026-11-22");
  return *day;
}

Result<void> Query::RequireAllTaken(std::string_view known) const {
  if (parameters_.empty()) return Result<void>();
  return InvalidArgument(FieldOf(parameters_.front().first),
                         "is no parameter of this route; it takes " + std::string(known));
}

}  // namespace tidegate::admin
