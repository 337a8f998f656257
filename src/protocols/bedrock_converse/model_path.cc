#include "protocols/bedrock_converse/model_path.h"

#include <array>
#include <cstddef>

#include "base/percent_encode.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

constexpr std::array<std::string_view, 3> kEndings = {"/converse", "/converse-stream",
                                                      "/count-tokens"};

}  // namespace

std::optional<Route> MatchModelPath(std::string_view path) {
  if (!path.starts_with(kModelPrefix)) return std::nullopt;
  path.remove_prefix(kModelPrefix.size());
  for (std::size_t i = 0; i < kEndings.size(); ++i) {
    if (!path.ends_with(kEndings[i]) || path.size() == kEndings[i].size()) continue;
    path.remove_suffix(kEndings[i].size());
    const auto method = static_cast<Method>(i);
    const bool counts = method == Method::kCountTokens;
    return Route{.operation = counts ? Operation::kCountTokens : Operation::kChat,
                 .model = path,
                 .stream = method == Method::kStream};
  }
  return std::nullopt;
}

std::string ModelPath(std::string_view model, Method method) {
  std::string path(kModelPrefix);
  AppendPercentEncoded(path, model);
  path += kEndings[static_cast<std::size_t>(method)];
  return path;
}

}  // namespace tidegate::protocols::bedrock_converse
