// Whether a model guesses tokens ahead, and by what means.
#pragma once

#include <string>

#include "engine/command_line.h"
#include "models/local_models.h"

namespace tidegate::engine {

// The way to look for repetitions in what was said that is taken where one is asked for: the one
// that guesses least in vain (docs/benchmarks.md).
inline constexpr const char* kNgramSpeculation = "ngram-mod";
inline constexpr const char* kDraftSpeculation = "draft-simple";

// Why `draft_path` is no draft for `model`, as the end of a sentence ("it knows …"); empty = it is.
// Reads both files; blocks on the disk.
std::string WhyNotItsDraft(const models::LocalModel& model, const std::string& draft_path);

// Completes `settings` as its `speculate` says: with a draft beside the model that llama-server
// would take, with another means, or with nothing and, where that is not what was asked for, a
// `speculation_note`. A `speculation` that is named is left as it is. Blocks on the disk where
// there is a draft.
void ChooseSpeculation(const models::LocalModel& model, ChildSettings& settings);

}  // namespace tidegate::engine
