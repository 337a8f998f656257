// What the child of a model takes of memory, from the settings that it would get.
#pragma once

#include <vector>

#include "engine/command_line.h"
#include "engine/devices.h"
#include "models/local_models.h"
#include "models/memory_fit.h"

namespace tidegate::engine {

// The files that go with a model, where there are any; borrowed for the call.
struct CompanionFiles {
  const models::GgufMetadata* projector = nullptr;
  const models::GgufMetadata* draft = nullptr;
};

// What the child of MakeCommandLine(…, settings, slots, …) takes. Borrows its arguments.
models::FitInput FitInputOf(const models::LocalModel& model, const CompanionFiles& companions,
                            const ChildSettings& settings, int slots,
                            const std::vector<GraphicsDevice>& devices);

}  // namespace tidegate::engine
