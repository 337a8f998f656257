#include "emulator/faults.h"

#include <array>
#include <charconv>
#include <variant>

namespace tidegate::emulator {
namespace {

constexpr std::int64_t kMillisecondsMax = 3'600'000;
constexpr std::int64_t kTokensMax = 1'000'000;

struct Flag {
  std::optional<bool> Faults::*member;
};
struct Number {
  std::optional<std::int64_t> Faults::*member;
  std::int64_t low = 0;
  std::int64_t high = 0;
};
struct Share {
  std::optional<double> Faults::*member;
};
struct Policy {
  std::optional<UsagePolicy> Faults::*member;
};
struct Word {
  std::string_view name;
  std::variant<Flag, Number, Share, Policy> value;
};

constexpr std::array kWords = {
    Word{"error_rate", Share{&Faults::error_rate}},
    Word{"status", Number{&Faults::status, 400, 599}},
    Word{"retry_after", Number{&Faults::retry_after_s, 0, 86'400}},
    Word{"drop", Flag{&Faults::drop}},
    Word{"drop_after_head", Flag{&Faults::drop_after_head}},
    Word{"slow_head", Number{&Faults::slow_head_ms, 0, kMillisecondsMax}},
    Word{"cut_after", Number{&Faults::cut_after, 0, kTokensMax}},
    Word{"stall_after", Number{&Faults::stall_after, 0, kTokensMax}},
    Word{"error_after", Number{&Faults::error_after, 0, kTokensMax}},
    Word{"malformed_json", Flag{&Faults::malformed_json}},
    Word{"no_done", Flag{&Faults::no_done}},
    Word{"rst", Flag{&Faults::rst}},
    Word{"byte_by_byte", Flag{&Faults::byte_by_byte}},
    Word{"content_length", Number{&Faults::content_length, -kTokensMax, kTokensMax}},
    Word{"truncated_chunk", Flag{&Faults::truncated_chunk}},
    Word{"no_usage", Flag{&Faults::no_usage}},
    Word{"negative_usage", Flag{&Faults::negative_usage}},
    Word{"huge_usage", Flag{&Faults::huge_usage}},
    Word{"usage", Policy{&Faults::usage}},
    Word{"whole_tool_calls", Flag{&Faults::whole_tool_calls}},
    Word{"reasoning", Number{&Faults::reasoning, 0, kTokensMax}},
    Word{"redacted_thinking", Flag{&Faults::redacted_thinking}},
    Word{"refusal", Flag{&Faults::refusal}},
    Word{"ttft_ms", Number{&Faults::ttft_ms, 0, kMillisecondsMax}},
    Word{"tokens_per_s", Number{&Faults::tokens_per_s, 0, kTokensMax}},
    Word{"tokens", Number{&Faults::tokens, 1, kTokensMax}},
};

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

template <typename T>
std::optional<T> ParseWhole(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// One overload per kind of word; false = `text` is no value of it. A word without '=' has no text.
bool Set(const Flag& flag, std::optional<std::string_view> text, Faults& faults) {
  if (text && *text != "true" && *text != "false") return false;
  faults.*flag.member = !text || *text == "true";
  return true;
}

bool Set(const Number& number, std::optional<std::string_view> text, Faults& faults) {
  const auto value = ParseWhole<std::int64_t>(text.value_or(""));
  if (!value || *value < number.low || *value > number.high) return false;
  faults.*number.member = *value;
  return true;
}

bool Set(const Share& share, std::optional<std::string_view> text, Faults& faults) {
  const auto value = ParseWhole<double>(text.value_or(""));
  if (!value || !(*value >= 0 && *value <= 1)) return false;
  faults.*share.member = *value;
  return true;
}

bool Set(const Policy& policy, std::optional<std::string_view> text, Faults& faults) {
  if (text == "asked") {
    faults.*policy.member = UsagePolicy::kAsked;
  } else if (text == "always") {
    faults.*policy.member = UsagePolicy::kAlways;
  } else if (text == "never") {
    faults.*policy.member = UsagePolicy::kNever;
  } else {
    return false;
  }
  return true;
}

Result<void> ParseWord(std::string_view text, Faults& faults) {
  const std::size_t equals = text.find('=');
  const std::string_view name = Trim(text.substr(0, equals));
  std::optional<std::string_view> value;
  if (equals != std::string_view::npos) value = Trim(text.substr(equals + 1));
  for (const Word& word : kWords) {
    if (word.name != name) continue;
    const bool valid =
        std::visit([&](const auto& kind) { return Set(kind, value, faults); }, word.value);
    if (valid) return Result<void>();
    return InvalidArgument(std::string(name), "the value of this fault is missing or out of range");
  }
  return InvalidArgument(std::string(name),
                         "there is no fault of this name; see emulator/README.md");
}

}  // namespace

void Faults::Merge(const Faults& over) {
  for (const Word& word : kWords) {
    std::visit(
        [&](const auto& kind) {
          if (over.*kind.member) this->*kind.member = over.*kind.member;
        },
        word.value);
  }
}

bool Faults::NeedsWire() const {
  return rst.value_or(false) || byte_by_byte.value_or(false) || truncated_chunk.value_or(false) ||
         content_length.value_or(0) != 0;
}

Result<Faults> ParseFaults(std::string_view text) {
  if (text.size() > kFaultTextBytesMax) {
    return InvalidArgument("", "the list of faults is too long");
  }
  Faults faults;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view word = Trim(text.substr(0, comma));
    if (!word.empty()) TIDEGATE_TRY(ParseWord(word, faults));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return faults;
}

}  // namespace tidegate::emulator
