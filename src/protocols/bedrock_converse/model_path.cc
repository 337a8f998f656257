#include "protocols/bedrock_converse/model_path.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

constexpr std::string_view kWhole = "/converse";
constexpr std::string_view kStream = "/converse-stream";

bool IsUnreserved(char c) {  // RFC 3986
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

std::optional<Route> MatchModelPath(std::string_view path) {
  if (!path.starts_with(kModelPrefix)) return std::nullopt;
  const bool stream = path.ends_with(kStream);
  const std::string_view ending = stream ? kStream : kWhole;
  if (!path.ends_with(ending) || path.size() <= kModelPrefix.size() + ending.size()) {
    return std::nullopt;
  }
  path.remove_prefix(kModelPrefix.size());
  path.remove_suffix(ending.size());
  return Route{.operation = Operation::kChat, .model = path, .stream = stream};
}

std::string ModelPath(std::string_view model, bool stream) {
  constexpr std::string_view kHexDigits = "0123456789ABCDEF";
  std::string path(kModelPrefix);
  for (const char c : model) {
    if (IsUnreserved(c)) {
      path.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    path.push_back('%');
    path.push_back(kHexDigits[byte >> 4U]);
    path.push_back(kHexDigits[byte & 15U]);
  }
  path += stream ? kStream : kWhole;
  return path;
}

}  // namespace tidegate::protocols::bedrock_converse
