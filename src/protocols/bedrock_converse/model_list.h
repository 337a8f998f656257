// The models as clients of Bedrock's control plane expect them listed.
#pragma once

#include <span>
#include <string>

#include "protocols/protocol.h"

namespace tidegate::protocols::bedrock_converse {

std::string WriteModelList(std::span<const ModelEntry> models);
std::string WriteModel(const ModelEntry& model);

}  // namespace tidegate::protocols::bedrock_converse
