// Google's Gemini protocol, as its own service and Vertex AI speak it: what its files share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/shape.h"
#include "json/value.h"

namespace tidegate::emulator::gemini {

enum Operation { kGenerate, kCountTokens, kEmbed, kBatchEmbed, kModels };

inline constexpr std::string_view kThoughtSeal = "gemini.thought";

struct Extra : RequestExtra {
  Operation operation = kGenerate;
  bool include_thoughts = false;
  bool array = false;           // a stream as one JSON array
  std::int64_t dimensions = 0;  // of an embedding; 0 = the model's
};

Result<ChatRequest> ParseRequest(const Received& received, const json::Value& body,
                                 const Model& model);

// The signature of a thought that led to this call, or to a text when `name` is empty.
std::string SignThought(std::string_view name);
bool IsSignature(std::string_view name, std::string_view signature);

void WriteWhole(const Reply& reply, std::string& out);
std::unique_ptr<Frames> MakeFrames(const Reply& reply);
void WriteError(const Refusal& refusal, std::string& out);

}  // namespace tidegate::emulator::gemini
