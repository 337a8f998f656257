// The settings that the process of one model gets: those of the gate, and what comes with the
// model.
#pragma once

#include "engine/command_line.h"
#include "models/local_models.h"

namespace tidegate::engine {

// `base` with the files beside `model` and with what it was made with (num_ctx, num_gpu, …).
// Parameters that cannot be read say nothing.
ChildSettings SettingsFor(const models::LocalModel& model, const ChildSettings& base);

}  // namespace tidegate::engine
