#include "cli/chat_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <optional>

#include "cli/arguments.h"
#include "cli/file_reader.h"
#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::cli {
namespace {

enum class Kind : std::uint8_t { kInteger, kNumber, kBool, kTexts };

struct Parameter {
  std::string_view name;
  Kind kind;
};

constexpr Parameter kParameters[] = {
    {"seed", Kind::kInteger},
    {"num_predict", Kind::kInteger},
    {"num_ctx", Kind::kInteger},
    {"temperature", Kind::kNumber},
    {"top_k", Kind::kInteger},
    {"top_p", Kind::kNumber},
    {"min_p", Kind::kNumber},
    {"typical_p", Kind::kNumber},
    {"repeat_penalty", Kind::kNumber},
    {"repeat_last_n", Kind::kInteger},
    {"presence_penalty", Kind::kNumber},
    {"frequency_penalty", Kind::kNumber},
    {"stop", Kind::kTexts},
    {"num_keep", Kind::kInteger},
    {"num_batch", Kind::kInteger},
    {"num_gpu", Kind::kInteger},
    {"main_gpu", Kind::kInteger},
    {"num_thread", Kind::kInteger},
    {"use_mmap", Kind::kBool},
    {"draft_num_predict", Kind::kInteger},
};

constexpr std::size_t kSchemaBytesMax = 1U << 20U;

const Parameter* FindParameter(std::string_view name) {
  const auto* found = std::find_if(std::begin(kParameters), std::end(kParameters),
                                   [name](const Parameter& one) { return one.name == name; });
  return found == std::end(kParameters) ? nullptr : found;
}

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

std::optional<double> ParseNumber(const std::string& text) {
  const bool plain =
      !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  if (!plain) return std::nullopt;
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

Result<std::string> OneValueJson(const Parameter& parameter, const std::string& text) {
  std::string out;
  json::Writer writer(out);
  const auto wrong = [&](const char* what) {
    return InvalidArgument("", "parameter '" + std::string(parameter.name) + "' must be " + what +
                                   ", not '" + text + "'");
  };
  if (parameter.kind == Kind::kInteger) {
    const std::optional<std::int64_t> number = ParseInteger(text);
    if (!number) return wrong("a whole number");
    writer.Integer(*number);
  } else if (parameter.kind == Kind::kNumber) {
    const std::optional<double> number = ParseNumber(text);
    if (!number) return wrong("a number");
    writer.Double(*number);
  } else {
    if (text != "true" && text != "false") return wrong("true or false");
    writer.Bool(text == "true");
  }
  return out;
}

// Go's durations: "1h30m", "-1s", "1.5h".
bool IsDuration(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return false;
  constexpr std::string_view kUnits[] = {"ns", "us", "µs", "ms", "s", "m", "h"};
  while (!text.empty()) {
    const std::size_t digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) return false;
    const std::string_view number = text.substr(0, digits);
    if (number == "." || std::count(number.begin(), number.end(), '.') > 1) return false;
    text.remove_prefix(digits);
    const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits), [text](auto one) {
      // "m" is also how "ms" begins.
      return text.starts_with(one) && !(one == "m" && text.starts_with("ms"));
    });
    if (unit == std::end(kUnits)) return false;
    text.remove_prefix(unit->size());
  }
  return true;
}

std::string Quoted(std::string_view text) {
  std::string out;
  json::Writer(out).String(text);
  return out;
}

}  // namespace

const std::vector<std::string>& ParameterNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Parameter& one : kParameters) all.emplace_back(one.name);
    return all;
  }();
  return names;
}

bool ParameterAccumulates(std::string_view name) {
  const Parameter* parameter = FindParameter(name);
  return parameter != nullptr && parameter->kind == Kind::kTexts;
}

Result<std::string> ParameterJson(const std::string& name, const std::vector<std::string>& values) {
  const Parameter* parameter = FindParameter(name);
  if (parameter == nullptr) {
    const std::string nearest = NearestWord(name, ParameterNames());
    return InvalidArgument("", "there is no parameter '" + name + "'" +
                                   (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
  }
  if (parameter->kind == Kind::kTexts) {
    std::string out;
    json::Writer writer(out);
    writer.BeginArray();
    for (const std::string& value : values) writer.String(value);
    writer.EndArray();
    return out;
  }
  if (values.size() != 1) return InvalidArgument("", "parameter '" + name + "' takes one value");
  return OneValueJson(*parameter, values.front());
}

Result<std::string> KeepAliveJson(const std::string& text) {
  if (const std::optional<double> seconds = ParseNumber(text)) {
    std::string out;
    json::Writer(out).Double(*seconds);
    return out;
  }
  if (IsDuration(text)) return Quoted(text);
  return UsageError("'" + text +
                    "' is no time to keep a model; write seconds or a duration as 10m, "
                    "1h30m, 0 (not at all) or -1 (for ever)");
}

Result<std::string> ThinkJson(const std::string& text) {
  if (text == "true" || text == "false") return text;
  for (const char* level : {"low", "medium", "high", "max"}) {
    if (text == level) return Quoted(text);
  }
  return UsageError("'" + text + "' is no way to think; use true, false, low, medium, high or max");
}

Result<std::string> FormatJson(const std::string& text) {
  if (text == "json") return Quoted(text);
  std::string schema = text;
  const bool inline_schema = text.find_first_not_of(" \t\r\n") != std::string::npos &&
                             text[text.find_first_not_of(" \t\r\n")] == '{';
  if (!inline_schema) {
    TIDEGATE_ASSIGN(schema, ReadTextFile(text, kSchemaBytesMax));
  }
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(schema, kSchemaBytesMax);
  if (!root.ok() || !root->is_object()) {
    return UsageError("--format must be json, a JSON Schema, or a file that holds one" +
                      (root.ok() ? std::string() : ": " + root.error().message));
  }
  return std::string(root->raw());
}

std::vector<std::string> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  bool begun = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      begun = true;
    } else if (!quoted && (c == ' ' || c == '\t')) {
      if (begun) words.push_back(word);
      word.clear();
      begun = false;
    } else {
      word += c;
      begun = true;
    }
  }
  if (begun) words.push_back(word);
  return words;
}

}  // namespace tidegate::cli
