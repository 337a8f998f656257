// The query of a request's target.
#pragma once

#include <optional>
#include <string_view>

namespace tidegate::protocols {

// The value of the first parameter of that name, as it stands there; empty for one without '='.
inline std::optional<std::string_view> FindParameter(std::string_view query,
                                                     std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
  }
  return std::nullopt;
}

}  // namespace tidegate::protocols
