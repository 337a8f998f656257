#include "engine/draft_choice.h"

#include <algorithm>

#include "engine/speculation.h"
#include "models/vocabulary.h"
#include "obs/log.h"

namespace tidegate::engine {
namespace {

using Models = std::vector<models::LocalModel>;

// As far as the headers say.
bool MayGuessFor(const models::LocalModel& model, const models::LocalModel& draft) {
  const models::GgufMetadata& mine = model.metadata;
  const models::GgufMetadata& its = draft.metadata;
  if (draft.path == model.path || its.pooling != models::GgufPooling::kNone) return false;
  if (its.kind != models::GgufKind::kModel || its.shape.nextn_predict_layers > 0) return false;
  if (draft.size_bytes == 0 || draft.size_bytes > model.size_bytes / kDraftShare) return false;
  const auto [least, most] = std::minmax(mine.shape.vocabulary, its.shape.vocabulary);
  return least > 0 && most - least <= models::kDraftVocabularyDifferenceMax;
}

bool LooksForDraft(const ModelFitter& fitter) {
  const ChildSettings& child = fitter.policy().child;
  const bool asks = child.speculate == Speculation::kAuto || child.speculate == Speculation::kDraft;
  const models::LocalModel& model = fitter.model();
  return asks && child.speculation.empty() && child.draft_path.empty() &&
         model.draft_path.empty() && model.metadata.pooling == models::GgufPooling::kNone &&
         fitter.standard().memory.fits && fitter.standard().memory.estimated;
}

}  // namespace

std::string FindDraft(const models::LocalModel& model, const Models& models) {
  std::vector<const models::LocalModel*> candidates;
  for (const models::LocalModel& other : models) {
    if (MayGuessFor(model, other)) candidates.push_back(&other);
  }
  // The smallest first: it is asked most often.
  std::sort(candidates.begin(), candidates.end(),
            [](const models::LocalModel* a, const models::LocalModel* b) {
              return std::pair(a->size_bytes, a->path) < std::pair(b->size_bytes, b->path);
            });
  for (const models::LocalModel* candidate : candidates) {
    if (WhyNotItsDraft(model, candidate->path).empty()) return candidate->path;
  }
  return {};
}

std::shared_ptr<const ModelFitter> FitWithDraft(const models::LocalModel& model,
                                                const Models& models, const FitPolicy& policy) {
  auto alone = std::make_shared<const ModelFitter>(model, policy);
  if (!LooksForDraft(*alone)) return alone;
  models::LocalModel guided = model;
  guided.draft_path = FindDraft(model, models);
  if (guided.draft_path.empty()) return alone;
  auto fitter = std::make_shared<const ModelFitter>(guided, policy);
  const core::MemoryFit& with = fitter->standard().memory;
  const core::MemoryFit& without = alone->standard().memory;
  if (with.fits && with.context_tokens >= without.context_tokens && with.slots >= without.slots &&
      with.device_layers >= without.device_layers) {
    return fitter;
  }
  obs::Log(obs::Level::kInfo,
           "local model {}: {} could guess ahead for it, but there is not enough memory for both",
           model.name, guided.draft_path);
  return alone;
}

Fitters FitAll(const std::vector<models::LocalModel>& models, const FitPolicy& policy) {
  Fitters fitters;
  fitters.reserve(models.size());
  for (const models::LocalModel& model : models) {
    fitters.push_back(FitWithDraft(model, models, policy));
  }
  return fitters;
}

}  // namespace tidegate::engine
