// The settings that the process of one model gets: those of the gate, and what comes with the
// model.
#pragma once

#include <cstdint>

#include "engine/command_line.h"
#include "models/local_models.h"

namespace tidegate::engine {

// `base` with the files beside `model` and with what it was made with (num_ctx, num_gpu, …).
// Parameters that cannot be read say nothing.
ChildSettings SettingsFor(const models::LocalModel& model, const ChildSettings& base);

// What its process takes of this machine's memory, by the formulas of models/memory_fit.h. Reads
// the headers of the files beside it; blocks on the disk.
std::uint64_t MemoryOf(const models::LocalModel& model, const ChildSettings& base, int slots);

}  // namespace tidegate::engine
