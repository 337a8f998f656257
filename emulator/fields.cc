#include "emulator/fields.h"

#include <fmt/format.h>

namespace tidegate::emulator {
namespace {

constexpr std::int64_t kHugeUsage = 9'000'000'000'000'000'000;
constexpr std::int64_t kNegativeUsage = -17;

}  // namespace

std::optional<json::Value> FindValue(const json::Object& object, std::string_view key) {
  const auto value = object.Find(key);
  if (!value || value->is_null()) return std::nullopt;
  return value;
}

Result<bool> ReadBool(const json::Object& object, std::string_view key, bool missing) {
  const auto value = FindValue(object, key);
  if (!value) return missing;
  return value->Bool();
}

Result<std::string> ReadString(const json::Object& object, std::string_view key) {
  TIDEGATE_ASSIGN(const json::Value value, object.Get(key));
  TIDEGATE_ASSIGN(const std::string_view text, value.String());
  return std::string(text);
}

Result<std::string> ReadOptionalString(const json::Object& object, std::string_view key) {
  if (!FindValue(object, key)) return std::string();
  return ReadString(object, key);
}

Result<std::optional<json::Object>> FindObject(const json::Object& object, std::string_view key) {
  const auto value = FindValue(object, key);
  if (!value) return std::optional<json::Object>();
  TIDEGATE_ASSIGN(const json::Object found, value->Object());
  return std::optional<json::Object>(found);
}

Result<json::Object> ReadObject(const json::Object& object, std::string_view key) {
  TIDEGATE_ASSIGN(const json::Value value, object.Get(key));
  return value.Object();
}

Result<void> CheckNumber(const json::Object& object, std::string_view key, double low,
                         double high) {
  const auto value = FindValue(object, key);
  if (!value) return Result<void>();
  TIDEGATE_ASSIGN(const double number, value->Number());
  if (number >= low && number <= high) return Result<void>();
  return value->Invalid(fmt::format("must be from {} to {}", low, high));
}

Result<std::vector<std::string>> ReadTexts(const json::Value& array, std::size_t max) {
  TIDEGATE_ASSIGN(const json::Array values, array.Array());
  std::vector<std::string> texts;
  for (const json::Value value : values) {
    TIDEGATE_ASSIGN(const std::string_view text, value.String());
    if (text.empty()) return value.Invalid("must not be empty");
    texts.emplace_back(text);
  }
  if (texts.size() > max) return array.Invalid(fmt::format("at most {} are allowed", max));
  return texts;
}

std::string Join(const Choice& choice, TokenKind kind, std::uint32_t tool_call) {
  std::string text;
  for (const Token& token : choice.tokens) {
    if (token.kind == kind && token.tool_call == tool_call) text += token.text;
  }
  return text;
}

bool Has(const Choice& choice, TokenKind kind) {
  for (const Token& token : choice.tokens) {
    if (token.kind == kind) return true;
  }
  return false;
}

std::size_t RunEnd(const Choice& choice, std::size_t begin, std::size_t end) {
  const Token& first = choice.tokens[begin];
  std::size_t run = begin + 1;
  while (first.kind != TokenKind::kToolName && run < end && choice.tokens[run].kind == first.kind &&
         choice.tokens[run].tool_call == first.tool_call) {
    ++run;
  }
  return run;
}

std::string JoinRange(const Choice& choice, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) text += choice.tokens[i].text;
  return text;
}

Usage Told(const Usage& usage, const Faults& faults) {
  Usage told = usage;
  if (faults.negative_usage.value_or(false)) told.completion = kNegativeUsage;
  if (faults.huge_usage.value_or(false)) told.prompt = told.completion = kHugeUsage;
  return told;
}

bool TellsUsage(const Faults& faults) {
  return !faults.no_usage.value_or(false) && faults.usage != UsagePolicy::kNever;
}

std::int64_t Sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kHugeUsage : sum;
}

void AppendEvent(std::string& out, std::string_view event, std::string_view data) {
  if (!event.empty()) {
    out += "event: ";
    out += event;
    out += '\n';
  }
  out += "data: ";
  out += data;
  out += "\n\n";
}

}  // namespace tidegate::emulator
