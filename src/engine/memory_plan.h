// Whether a model, with the settings that its child would get, fits into this machine now.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/command_line.h"
#include "engine/devices.h"
#include "models/local_models.h"
#include "models/memory_fit_decide.h"

namespace tidegate::engine {

struct MachineMemory {
  HostMemory host;
  std::vector<GraphicsDevice> devices;
};

// The files that go with a model, where there are any; borrowed for the call.
struct CompanionFiles {
  const models::GgufMetadata* projector = nullptr;
  const models::GgufMetadata* draft = nullptr;
};

// What the child of MakeCommandLine(…, settings, slots, …) takes. Borrows its arguments.
models::FitInput FitInputOf(const models::LocalModel& model, const CompanionFiles& companions,
                            const ChildSettings& settings, int slots,
                            const std::vector<GraphicsDevice>& devices);

// With nothing wished for but what `wishes` names; layers for devices that `settings` names count
// as wished for. Errors: those of models::DecideFit.
Result<models::FitDecision> PlanMemory(const models::LocalModel& model,
                                       const CompanionFiles& companions,
                                       const ChildSettings& settings, models::FitWishes wishes,
                                       const MachineMemory& machine);

}  // namespace tidegate::engine
