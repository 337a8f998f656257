// The paths of the API: the model is named there and not in the body, and so is whether the answer
// is streamed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/protocol.h"

namespace tidegate::protocols::bedrock_converse {

inline constexpr std::string_view kModelPrefix = "/model/";
inline constexpr std::string_view kModelsPath = "/foundation-models";  // of Bedrock's control plane

enum class Method : std::uint8_t { kConverse, kStream, kCountTokens };

// "/model/{modelId}/converse", "…/converse-stream" and "…/count-tokens" of a percent-decoded path.
// The id may hold '/': that of an ARN, of a gate's model.
std::optional<Route> MatchModelPath(std::string_view path);

// The same path for an upstream, each byte of the model's id but unreserved ones percent-encoded,
// as AWS's own clients do: a signature covers the path as it is sent.
std::string ModelPath(std::string_view model, Method method);

}  // namespace tidegate::protocols::bedrock_converse
