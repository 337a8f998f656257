#include "protocols/bedrock_converse/model_path.h"

#include "protocols/percent_encode.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

constexpr std::string_view kWhole = "/converse";
constexpr std::string_view kStream = "/converse-stream";

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
  std::string path(kModelPrefix);
  AppendPercentEncoded(path, model);
  path += stream ? kStream : kWhole;
  return path;
}

}  // namespace tidegate::protocols::bedrock_converse
