// One frame of newline-delimited JSON, cut from a stream by sse::Splitter with Framing::kLines.
#pragma once

#include <string_view>

namespace tidegate::protocols::ndjson {

// The JSON text of the line without its end and the blanks around it; empty for a blank line, which
// says nothing and keeps a connection awake.
inline std::string_view Text(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace tidegate::protocols::ndjson
