#include "engine/speculation.h"

#include "models/gguf.h"
#include "models/vocabulary.h"

namespace tidegate::engine {

std::string WhyNotItsDraft(const models::LocalModel& model, const std::string& draft_path) {
  const Result<models::GgufMetadata> metadata = models::ReadGgufFile(draft_path);
  if (!metadata.ok()) return "it cannot be read: " + metadata.error().message;
  const bool whole = metadata->kind == models::GgufKind::kModel &&
                     metadata->pooling == models::GgufPooling::kNone &&
                     metadata->shape.nextn_predict_layers == 0;
  if (!whole)
    return "it is no model that could say something by itself (" + metadata->architecture + ")";
  const Result<models::Vocabulary> draft = models::ReadVocabularyFile(draft_path);
  if (!draft.ok()) return "its vocabulary cannot be read: " + draft.error().message;
  const Result<models::Vocabulary> mine = models::ReadVocabularyFile(model.path);
  if (!mine.ok()) return "the model's vocabulary cannot be read: " + mine.error().message;
  return models::WhyNoDraft(*mine, *draft);
}

void ChooseSpeculation(const models::LocalModel& model, ChildSettings& settings) {
  if (!settings.speculation.empty()) {
    if (settings.draft_path.empty()) settings.draft_path = model.draft_path;
    return;
  }
  if (settings.speculate == Speculation::kOff) return;
  if (model.metadata.pooling != models::GgufPooling::kNone) return;  // it says nothing
  if (settings.speculate == Speculation::kNgram) {
    settings.speculation = kNgramSpeculation;
    return;
  }
  const std::string draft = settings.draft_path.empty() ? model.draft_path : settings.draft_path;
  settings.draft_path.clear();
  if (draft.empty()) {
    if (settings.speculate == Speculation::kDraft) {
      settings.speculation_note =
          "there is no draft for it: none beside it, and no model of a fifth of its size or less "
          "with the same vocabulary";
    }
    return;
  }
  if (const std::string why = WhyNotItsDraft(model, draft); !why.empty()) {
    settings.speculation_note = "the draft " + draft + " is not used: " + why;
    return;
  }
  settings.speculation = kDraftSpeculation;
  settings.draft_path = draft;
}

}  // namespace tidegate::engine
