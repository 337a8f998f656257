// The answers of GET /v1/models and /v1/models/{id}.
#pragma once

#include <span>
#include <string>

#include "protocols/protocol.h"

namespace tidegate::protocols::openai_chat {

// {"object": "list", "data": […]}; each entry with a "tidegate" object that says what is known of
// its deployment.
std::string WriteModelList(std::span<const ModelEntry> models);
std::string WriteModel(const ModelEntry& model);

}  // namespace tidegate::protocols::openai_chat
