// Which of the models of this machine guesses ahead for another that has no draft of its own: a
// small one of the same vocabulary, where it costs nothing of what the model gets without it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/fit.h"
#include "models/local_models.h"

namespace tidegate::engine {

// A draft is asked for each token that it guesses: its share of the model's bytes is what has to
// come back from the tokens that are right.
inline constexpr std::uint64_t kDraftShare = 5;  // at most one fifth

// The path of the smallest of `models` that llama-server takes for the draft of `model`; empty when
// there is none. Reads vocabularies where the headers leave it open; blocks on the disk.
std::string FindDraft(const models::LocalModel& model,
                      const std::vector<models::LocalModel>& models);

// Fits `model` (as FitAll of fit.h does each), with a draft out of `models` where the policy lets
// it look for one, it has none of its own, and with it window, slots and layers on devices are what
// they are without. Blocks on the disk.
std::shared_ptr<const ModelFitter> FitWithDraft(const models::LocalModel& model,
                                                const std::vector<models::LocalModel>& models,
                                                const FitPolicy& policy);

}  // namespace tidegate::engine
