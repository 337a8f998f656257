#include "engine/model_settings.h"

#include <algorithm>
#include <limits>

#include "base/result.h"
#include "engine/model_parameters.h"
#include "engine/speculation.h"
#include "engine/tuning.h"
#include "models/gguf.h"

namespace tidegate::engine {
namespace {

int Int(std::int64_t value) {
  return static_cast<int>(std::min<std::int64_t>(value, std::numeric_limits<int>::max()));
}

}  // namespace

ChildSettings SettingsFor(const models::LocalModel& model, const ChildSettings& base) {
  ChildSettings settings = base.tuning ? Tuned(base, base.tuning->TuningOf(model)) : base;
  if (settings.projector_path.empty()) settings.projector_path = model.projector_path;
  ChooseSpeculation(model, settings);
  const bool speculates = !settings.speculation.empty();
  for (const std::string& path : model.adapter_paths) settings.adapters.push_back({path});
  const Result<ModelParameters> parameters = ReadModelParameters(model.parameters);
  if (!parameters.ok()) return settings;
  if (parameters->context_tokens) settings.context_tokens_max = *parameters->context_tokens;
  if (parameters->threads.value_or(0) > 0) settings.threads = Int(*parameters->threads);
  if (parameters->gpu_layers.value_or(-1) >= 0) {
    settings.device_layers = Int(*parameters->gpu_layers);
  }
  if (speculates && parameters->draft_tokens.value_or(0) > 0) {
    settings.draft_tokens = Int(*parameters->draft_tokens);
  }
  return settings;
}

}  // namespace tidegate::engine
