// Ollama's own protocol: what its files share.
#pragma once

#include <memory>
#include <string>

#include "emulator/chat.h"
#include "emulator/shape.h"
#include "json/value.h"

namespace tidegate::emulator::ollama {

enum Operation { kChat, kGenerate, kEmbed, kTags, kRunning, kVersion, kShow };

struct Extra : RequestExtra {
  Operation operation = kChat;
  bool unloads = false;         // keep_alive is 0
  std::int64_t dimensions = 0;  // of an embedding; 0 = the model's
};

Result<ChatRequest> ParseRequest(const json::Value& body, Operation operation);

void WriteWhole(const Reply& reply, std::string& out);
std::unique_ptr<Frames> MakeFrames(const Reply& reply);

}  // namespace tidegate::emulator::ollama
