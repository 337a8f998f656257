// What the process of a model gets of this machine: its window, its slots, its layers on graphics
// devices. The one place that decides it; whoever admits, plans, starts or shows asks here.
//
// What somebody asked for (the configuration, the parameters that a model was made with, a request)
// is never lowered: it fits, or the model is not served and says why. What nobody asked for is
// chosen: up to kContextTokensDefault tokens for each of up to kFitSlotsDefault requests; where
// that is too much first the slots go, then the window down to kFitContextMin.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/memory_fit.h"
#include "engine/command_line.h"
#include "engine/machine.h"
#include "engine/memory_amount.h"
#include "models/gguf.h"
#include "models/local_models.h"
#include "models/memory_fit_decide.h"

namespace tidegate::engine {

// Windows that a request needs are rounded up to powers of two from here on, so that not each one
// restarts a process.
inline constexpr std::int64_t kWindowTokensMin = 4'096;

struct FitPolicy {
  ChildSettings child;  // of the configuration; SettingsFor adds those of a model
  int slots = 0;        // that were asked for; 0 = chosen
  Machine machine;
};

struct ModelFit {
  ChildSettings settings;  // complete
  MemoryAmount bytes;      // that its process holds
  // After a change of drivers a process may serve from the processor alone, see devices_used.h: on
  // how many devices it is to be, and whether it may serve on fewer.
  int devices_planned = 0;
  bool devices_required = false;
  core::MemoryFit memory;

  int slots() const { return memory.slots; }
  std::int64_t context_tokens() const { return memory.context_tokens; }
};

// Of one model. Immutable, so usable from any thread.
class ModelFitter {
 public:
  // Reads the headers of the files beside the model; blocks on the disk.
  ModelFitter(models::LocalModel model, const FitPolicy& policy);

  const models::LocalModel& model() const { return model_; }
  const FitPolicy& policy() const { return policy_; }
  // What lets it see or hear; null without one that can be read.
  const models::GgufMetadata* projector() const { return projector_ ? &*projector_ : nullptr; }
  // As it is loaded where no request needs more.
  const ModelFit& standard() const { return standard_; }
  // With a window of at least `tokens`, and no less than the standard one: a few milliseconds of
  // computing. One that is not possible does not fit.
  ModelFit WithWindow(std::int64_t tokens) const;

 private:
  struct Chosen;
  models::FitInput Input(const ChildSettings& settings) const;
  Chosen Choose(std::int64_t context, bool asked) const;
  Chosen Guess(std::int64_t context) const;
  Result<models::FitDecision> Try(std::optional<std::int64_t> context, int slots) const;
  std::int64_t LargestWindow(std::int64_t from) const;
  ModelFit Describe(Chosen chosen) const;
  std::string WithoutDevices(const models::FitDecision& decision) const;
  std::string MissingLayers(const core::MemoryFit& memory) const;
  std::string LoweredWindow() const;
  int slots_min() const { return slots_asked_ > 0 ? slots_asked_ : 1; }
  bool AllLayers(int layers) const;

  const models::LocalModel model_;
  const FitPolicy policy_;
  const ChildSettings settings_;
  const int slots_asked_;
  const Machine machine_;
  const std::vector<GraphicsDevice> devices_;  // of the machine: those with room
  std::optional<models::GgufMetadata> projector_, draft_;
  std::int64_t window_max_ = 0;
  ModelFit standard_;
};

using Fitters = std::vector<std::shared_ptr<const ModelFitter>>;
Fitters FitAll(const std::vector<models::LocalModel>& models, const FitPolicy& policy);

}  // namespace tidegate::engine
