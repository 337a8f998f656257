// Cohere's protocol, version 2: what its files share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "emulator/chat.h"
#include "emulator/shape.h"
#include "json/value.h"

namespace tidegate::emulator::cohere {

enum Operation { kChat, kEmbed, kRerank };

struct Extra : RequestExtra {
  Operation operation = kChat;
  std::int64_t dimensions = 0;  // of an embedding; 0 = the model's
  bool floats = true, base64 = false;
  std::int64_t top = 0;  // 0 = all
};

Result<ChatRequest> ParseRequest(const json::Value& body, Operation operation);

void WriteWhole(const Reply& reply, std::string& out);
std::unique_ptr<Frames> MakeFrames(const Reply& reply);

}  // namespace tidegate::emulator::cohere
