// What a model file, with the files that belong to it, can be used for.
#pragma once

#include <string_view>
#include <vector>

#include "models/gguf.h"

namespace tidegate::models {

struct ModelCapabilities {
  bool completion = false;  // continues a text
  bool chat = false;        // and was made for turns
  bool tools = false;
  bool thinking = false;
  bool insert = false;  // fills in between a prefix and a suffix
  bool vision = false;
  bool audio = false;
  bool embedding = false;
  bool rerank = false;
};

// Of a file that is loaded as a model; `projector` may be null. What cannot be loaded on its own
// (an adapter, a projector, a draft) has none. Tools and thinking are guesses from the template.
ModelCapabilities CapabilitiesOf(const GgufMetadata& model, const GgufMetadata* projector);

// Words as Ollama lists them: "completion", "tools", "insert", "vision", "audio", "embedding",
// "thinking"; and "rerank".
std::vector<std::string_view> Words(const ModelCapabilities& capabilities);

}  // namespace tidegate::models
