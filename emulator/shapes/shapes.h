// The one object of each shape; what they do stands in the files of their names.
#pragma once

#include "emulator/shape.h"

namespace tidegate::emulator {

const Shape& OpenAiChatShape();
const Shape& AnthropicShape();
const Shape& ResponsesShape();
const Shape& GeminiShape();
const Shape& OllamaShape();
const Shape& BedrockShape();
const Shape& CohereShape();
const Shape& OpenAiTextShape();
const Shape& ReplicateShape();

}  // namespace tidegate::emulator
