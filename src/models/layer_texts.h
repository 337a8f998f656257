// The layers of a model that are JSON: its options and the messages that every chat with it begins
// with. Read strictly and within bounds, as the manifest is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/manifest.h"

namespace tidegate::models {

// Of a layer that is text: template, system, license, params, messages.
inline constexpr std::size_t kTextLayerBytesMax = std::size_t{4} << 20U;
inline constexpr std::size_t kOptionsMax = 256;
inline constexpr std::size_t kStoredMessagesMax = 4'096;

struct StoredMessage {
  std::string role, content;
  // The object as it was written, with whatever else it has (images, tool calls).
  std::string json = {};
};

// Errors: kInvalidArgument with the path of the member at fault; kTooLarge.
Result<ModelOptions> ParseOptions(std::string_view bytes);
Result<std::vector<StoredMessage>> ParseMessages(std::string_view bytes);

std::string WriteOptions(const ModelOptions& options);
// `json` of each where it is not empty.
std::string WriteMessages(const std::vector<StoredMessage>& messages);

}  // namespace tidegate::models
