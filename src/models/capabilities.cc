#include "models/capabilities.h"

namespace tidegate::models {

ModelCapabilities CapabilitiesOf(const GgufMetadata& model, const GgufMetadata* projector) {
  ModelCapabilities can;
  if (model.kind != GgufKind::kModel) return can;
  if (model.pooling == GgufPooling::kRank) {
    can.rerank = true;
    return can;
  }
  if (model.pooling == GgufPooling::kEmbedding) {
    can.embedding = true;
    return can;
  }
  can.completion = true;
  can.chat = model.has_chat_template;
  can.tools = model.template_uses_tools;
  can.thinking = model.template_uses_reasoning;
  can.insert = model.fill_in.has_value();
  if (projector != nullptr && projector->kind == GgufKind::kProjector) {
    can.vision = projector->projector.vision;
    can.audio = projector->projector.audio;
  }
  return can;
}

std::vector<std::string_view> Words(const ModelCapabilities& capabilities) {
  std::vector<std::string_view> words;
  if (capabilities.completion) words.emplace_back("completion");
  if (capabilities.tools) words.emplace_back("tools");
  if (capabilities.insert) words.emplace_back("insert");
  if (capabilities.vision) words.emplace_back("vision");
  if (capabilities.audio) words.emplace_back("audio");
  if (capabilities.embedding) words.emplace_back("embedding");
  if (capabilities.thinking) words.emplace_back("thinking");
  if (capabilities.rerank) words.emplace_back("rerank");
  return words;
}

}  // namespace tidegate::models
