// What a model on this device says of itself, for people and clients that ask.
#pragma once

#include <memory>

#include "core/model_card.h"
#include "core/model_defaults.h"
#include "models/local_models.h"

namespace tidegate::engine {

// Reads what the file says of itself; blocks on the disk. What cannot be read is left out.
std::shared_ptr<const core::ModelCard> MakeCard(const models::LocalModel& model, bool everything);

// What it says where its caller says nothing; null for nothing. Parameters that cannot be read say
// nothing.
std::shared_ptr<const core::ModelDefaults> MakeDefaults(const models::LocalModel& model);

}  // namespace tidegate::engine
