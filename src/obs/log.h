// What happened, for the operator: one line per event on standard error.
//
// Never prompts, answers or keys: callers pass facts (ids, names, counts, error sentences), and
// Secret cannot be formatted. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace tidegate::obs {

enum class Level { kDebug, kInfo, kWarning, kError };

struct LogOptions {
  Level level = Level::kInfo;
  bool json = false;  // one JSON object a line, for collectors
};
void ConfigureLog(LogOptions options);
bool LogEnabled(Level level);
void Write(Level level, std::string_view line);

template <typename... Args>
void Log(Level level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) Write(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tidegate::obs
