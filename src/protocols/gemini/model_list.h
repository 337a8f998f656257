// The models as Google's clients expect them listed.
#pragma once

#include <span>
#include <string>

#include "protocols/protocol.h"

namespace tidegate::protocols::gemini {

std::string WriteModelList(std::span<const ModelEntry> models);
std::string WriteModel(const ModelEntry& model);

}  // namespace tidegate::protocols::gemini
