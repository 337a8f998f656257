#include "json/path.h"

#include <algorithm>
#include <vector>

namespace tidegate::json {
namespace {

// An object or array that is open, and the member or element that is being read.
struct Level {
  bool is_array = false;
  std::size_t index = 0;
  std::string_view key = {};
};

// Of the string whose quote stands at `begin`: just behind its closing quote.
std::size_t EndOfString(std::string_view document, std::size_t begin) {
  std::size_t at = begin + 1;
  while (at < document.size() && document[at] != '"') at += document[at] == '\\' ? 2 : 1;
  return std::min(at + 1, document.size());
}

std::string Join(const std::vector<Level>& levels) {
  std::string path;
  for (const Level& level : levels) {
    if (level.is_array) {
      path += "[" + std::to_string(level.index) + "]";
      continue;
    }
    if (!path.empty()) path += '.';
    path += level.key;
  }
  return path;
}

}  // namespace

std::string PathAt(std::string_view document, std::size_t offset) {
  std::vector<Level> levels;
  bool is_key = false;
  std::size_t at = 0;
  while (at < document.size() && at <= offset) {
    const char c = document[at];
    if (c == '"') {
      const std::size_t end = EndOfString(document, at);
      if (is_key && !levels.empty()) levels.back().key = document.substr(at + 1, end - at - 2);
      if (!is_key && offset < end) return Join(levels);
      at = end;
      continue;
    }
    if (c == '{' || c == '[') levels.push_back({.is_array = c == '['});
    if ((c == '}' || c == ']') && !levels.empty()) levels.pop_back();
    if (c == ',' && !levels.empty()) ++levels.back().index;
    if (c == '{' || c == ',') is_key = !levels.empty() && !levels.back().is_array;
    if (c == ':' || c == '[') is_key = false;
    ++at;
  }
  return {};
}

}  // namespace tidegate::json
