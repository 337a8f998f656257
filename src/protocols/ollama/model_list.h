// The models in Ollama's shapes: what can be asked for, what is in memory, what is known of one.
#pragma once

#include <span>
#include <string>

#include "protocols/protocol.h"

namespace tidegate::protocols::ollama {

std::string WriteTags(std::span<const ModelEntry> models);
std::string WriteLoaded(std::span<const ModelEntry> models);
std::string WriteShow(const ModelEntry& model);

// A name as Ollama writes it: always with a tag, "latest" where there is none.
std::string TaggedName(const std::string& id);

}  // namespace tidegate::protocols::ollama
