// What a local model takes of this machine, as JSON: in Ollama's show and in our own API.
#pragma once

#include "core/memory_fit.h"
#include "json/writer.h"

namespace tidegate::protocols {

void WriteMemoryFit(json::Writer& out, const core::MemoryFit& memory);

}  // namespace tidegate::protocols
