// The models as Anthropic's clients expect them listed.
#pragma once

#include <span>
#include <string>

#include "protocols/protocol.h"

namespace tidegate::protocols::anthropic_messages {

std::string WriteModelList(std::span<const ModelEntry> models);
std::string WriteModel(const ModelEntry& model);

}  // namespace tidegate::protocols::anthropic_messages
