#include "emulator/shape.h"

#include <array>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/shapes/shapes.h"

namespace tidegate::emulator {

Result<std::string> Shape::ModelOf(const Received& received, const json::Value& body) const {
  if (!received.call.model.empty()) return received.call.model;
  TIDEGATE_ASSIGN(const json::Object object, body.Object());
  return ReadString(object, "model");
}

Error Shape::UnknownModel(std::string_view name) const {
  return NotFound(fmt::format("the model {} does not exist", name));
}

std::string Shape::TooLong(std::int64_t prompt, const Model& model) const {
  return fmt::format("This model's maximum context length is {} tokens, and the prompt has {}.",
                     model.context_tokens_max, prompt);
}

Result<std::optional<Recalled>> Shape::Recall(const Site&, const net::HttpHead&, Call&) const {
  return std::optional<Recalled>();
}

Result<std::string> Shape::AnswerPlain(Site&, const Received&) const {
  return Internal("this shape has no calls without a model");
}

std::span<const Shape* const> AllShapes() {
  static const std::array kShapes = {&AnthropicShape(),  &ResponsesShape(),  &GeminiShape(),
                                     &OllamaShape(),     &BedrockShape(),    &CohereShape(),
                                     &OpenAiChatShape(), &OpenAiTextShape(), &ReplicateShape()};
  return kShapes;
}

const Shape* FindShape(std::string_view name) {
  for (const Shape* shape : AllShapes()) {
    if (shape->name() == name) return shape;
  }
  return nullptr;
}

}  // namespace tidegate::emulator
