#include "engine/fit.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "engine/memory_plan.h"
#include "engine/model_parameters.h"
#include "engine/model_settings.h"

namespace tidegate::engine {
namespace {

constexpr std::int64_t kSearchStep = 1'024;  // of the largest window
constexpr std::uint64_t kMiB = 1024 * 1024;

std::optional<models::GgufMetadata> Header(const std::string& path) {
  if (path.empty()) return std::nullopt;
  Result<models::GgufMetadata> metadata = models::ReadGgufFile(path);
  if (!metadata.ok()) return std::nullopt;  // the engine says what is wrong with it
  return *std::move(metadata);
}

// Those that have room for anything. Llama-server would share a model out to the others, too.
std::vector<GraphicsDevice> WithRoom(std::vector<GraphicsDevice> devices) {
  std::erase_if(devices, [](const GraphicsDevice& device) {
    return device.free_bytes <= kDeviceReserveBytes;
  });
  return devices;
}

std::string Ids(const std::vector<GraphicsDevice>& devices) {
  std::string ids;
  for (const GraphicsDevice& device : devices) ids += (ids.empty() ? "" : ",") + device.id;
  return ids.empty() ? "none" : ids;
}

std::string Mebibytes(std::uint64_t bytes) {
  return std::to_string(bytes / kMiB + (bytes % kMiB != 0 ? 1 : 0)) + " MiB";
}

std::int64_t PowerOfTwo(std::int64_t tokens) {
  return static_cast<std::int64_t>(
      std::bit_ceil(static_cast<std::uint64_t>(std::max(tokens, kWindowTokensMin))));
}

std::uint64_t Sum(const models::FitEstimate& estimate, std::uint64_t models::FitParts::*part) {
  std::uint64_t sum = estimate.host.*part;
  for (const models::DeviceUse& device : estimate.devices) sum += device.parts.*part;
  return sum;
}

}  // namespace

struct ModelFitter::Chosen {
  models::FitDecision decision;
  bool estimated = true;  // else of an architecture that the formulas do not know
};

ModelFitter::ModelFitter(models::LocalModel model, const FitPolicy& policy)
    : model_(std::move(model)),
      policy_(policy),
      settings_(SettingsFor(model_, policy.child)),
      slots_asked_(policy.slots),
      machine_(policy.machine),
      devices_(WithRoom(machine_.devices)),
      projector_(Header(settings_.projector_path)),
      draft_(Header(settings_.draft_path)) {
  Chosen chosen = Choose(ContextTokens(model_, settings_), settings_.context_tokens_max > 0);
  window_max_ = chosen.decision.context_tokens;
  if (chosen.decision.fits && chosen.estimated) window_max_ = LargestWindow(window_max_);
  standard_ = Describe(std::move(chosen));
}

ModelFit ModelFitter::WithWindow(std::int64_t tokens) const {
  if (!standard_.memory.fits || tokens <= standard_.context_tokens()) return standard_;
  if (tokens <= window_max_)
    return Describe(Choose(std::min(PowerOfTwo(tokens), window_max_), true));
  ModelFit fit = Describe(Choose(tokens, true));
  if (fit.memory.fits) {
    fit.memory.fits = false;
    fit.memory.why_not = "a window of " + std::to_string(tokens) + " tokens is more than the " +
                         std::to_string(window_max_) + " that it was made for";
  }
  return fit;
}

models::FitInput ModelFitter::Input(const ChildSettings& settings) const {
  const CompanionFiles companions{projector(), draft_ ? &*draft_ : nullptr};
  return FitInputOf(model_, companions, settings, slots_min(), devices_);
}

Result<models::FitDecision> ModelFitter::Try(std::optional<std::int64_t> context, int slots) const {
  ChildSettings settings = settings_;
  if (context) settings.context_tokens_max = *context;  // a text to embed is one batch of it
  models::FitMemory memory;
  memory.host_free_bytes =
      machine_.host_bytes > 0 ? machine_.host_bytes : std::numeric_limits<std::uint64_t>::max();
  memory.host_reserve_bytes = 0;  // the budget has one already
  memory.device_reserve_bytes = kDeviceReserveBytes;
  const models::FitWishes wishes{context, slots, settings.device_layers};
  return models::DecideFit(Input(settings), wishes, memory);
}

bool ModelFitter::AllLayers(int layers) const {
  return layers > static_cast<int>(model_.metadata.shape.block_count);
}

// A model that is wholly on its devices is several times faster than one that is not quite, so one
// slot less is a small price for that. Where it cannot be, slots decide nothing of the kind.
ModelFitter::Chosen ModelFitter::Choose(std::int64_t context, bool asked) const {
  const bool may_speed_up = !devices_.empty() && !settings_.device_layers;
  std::optional<models::FitDecision> best, last;
  for (int slots = slots_asked_ > 0 ? slots_asked_ : models::kFitSlotsDefault; slots >= slots_min();
       --slots) {
    Result<models::FitDecision> tried = Try(context, slots);
    if (!tried.ok()) return Guess(context);
    const bool fast = !may_speed_up || AllLayers(tried->device_layers);
    if (tried->fits && fast) return {*std::move(tried)};
    if (!tried->fits) {
      last = *std::move(tried);
    } else if (!best) {
      best = *std::move(tried);
    }
  }
  if (best) return {*std::move(best)};
  if (!asked) {
    Result<models::FitDecision> smaller = Try(std::nullopt, slots_min());
    const std::int64_t least = std::min(context, models::kFitContextMin);
    if (smaller.ok() && smaller->fits && smaller->context_tokens >= least) {
      smaller->context_tokens = std::min(smaller->context_tokens, context);
      Result<models::FitDecision> exact = Try(smaller->context_tokens, slots_min());
      if (exact.ok() && exact->fits) return {*std::move(exact)};
    }
  }
  return {*std::move(last)};
}

// Its files, and half as much again for everything else.
ModelFitter::Chosen ModelFitter::Guess(std::int64_t context) const {
  Chosen chosen;
  chosen.estimated = false;
  models::FitDecision& decision = chosen.decision;
  decision.context_tokens = context;
  decision.slots = slots_asked_ > 0 ? slots_asked_ : models::kFitSlotsDefault;
  decision.device_layers = settings_.device_layers.value_or(-1);
  decision.estimate.host.weights = model_.size_bytes;
  decision.estimate.host.process = model_.size_bytes / 2;
  const std::uint64_t need = decision.estimate.host.Total();
  decision.fits = machine_.host_bytes == 0 || need <= machine_.host_bytes;
  if (!decision.fits) {
    decision.why_not = "it needs about " + Mebibytes(need) + " of memory, and " +
                       Mebibytes(machine_.host_bytes) + " may be used";
  }
  return chosen;
}

// By halving, since a larger window never takes less. REQUIRES: `from` fits.
std::int64_t ModelFitter::LargestWindow(std::int64_t from) const {
  const std::int64_t trained = static_cast<std::int64_t>(
      std::min<std::uint64_t>(model_.metadata.context_tokens, std::numeric_limits<int>::max()));
  const auto fits = [this](std::int64_t context) {
    const Result<models::FitDecision> tried = Try(context, slots_min());
    return tried.ok() && tried->fits;
  };
  if (trained <= from) return from;  // or it does not say: nobody knows whether more makes sense
  if (fits(trained)) return trained;
  std::int64_t low = 0, high = (trained - from) / kSearchStep;
  while (low < high) {
    const std::int64_t middle = (low + high + 1) / 2;
    if (fits(from + middle * kSearchStep)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return from + low * kSearchStep;
}

// Why it may not run, where it may only run on a graphics device; "" when it may.
std::string ModelFitter::WithoutDevices(const models::FitDecision& decision) const {
  if (!machine_.require_gpu) return "";
  if (machine_.devices.empty() && !machine_.devices_why_not.empty()) {
    return "engine.require_gpu says that no model runs without a graphics device, and which there "
           "are is not known: " +
           machine_.devices_why_not +
           "; it is asked again by itself, and 'tidegate doctor' shows what it says";
  }
  if (machine_.devices.empty()) {
    return "llama-server sees no graphics device, and engine.require_gpu says that no model runs "
           "without one; see what 'tidegate doctor' says of the driver, or set engine.require_gpu "
           "to false";
  }
  if (decision.device_layers != 0 && !devices_.empty()) return "";
  return settings_.device_layers == 0
             ? "it is to have no layer on a graphics device, which engine.require_gpu forbids; ask "
               "for some, or set engine.require_gpu to false"
             : "not one layer of it fits into the " + Mebibytes(DeviceBudget(machine_.devices)) +
                   " of graphics memory, and engine.require_gpu says that it may not run without; "
                   "use a smaller model, or set engine.require_gpu to false";
}

// Where layers were asked for and there is no device that could take any. Where there is one, they
// are there, or the model is not served.
std::string ModelFitter::MissingLayers(const core::MemoryFit& memory) const {
  const int asked = std::min(settings_.device_layers.value_or(0), memory.layers);
  if (!devices_.empty() || asked <= memory.device_layers) return "";
  return std::to_string(asked) + " of its layers are to be on graphics devices, and " +
         std::to_string(memory.device_layers) + " are: " +
         (machine_.devices.empty() ? "llama-server sees no graphics device"
                                   : "no graphics device has memory left") +
         "; 'tidegate doctor' says more of the driver";
}

// Of a model that came with a parameter that asks for more than its weights were trained for.
std::string ModelFitter::LoweredWindow() const {
  const Result<ModelParameters> parameters = ReadModelParameters(model_.parameters);
  const std::uint64_t trained = model_.metadata.context_tokens;
  if (!parameters.ok() || trained == 0) return "";
  const auto asked = static_cast<std::uint64_t>(parameters->context_tokens.value_or(0));
  if (asked <= trained) return "";
  return "its num_ctx asks for a window of " + std::to_string(asked) +
         " tokens, and it has no more than the " + std::to_string(trained) +
         " that it was made for";
}

ModelFit ModelFitter::Describe(Chosen chosen) const {
  models::FitDecision& decision = chosen.decision;
  const models::FitEstimate& estimate = decision.estimate;
  ModelFit fit;
  fit.settings = settings_;
  fit.settings.context_tokens_max = decision.context_tokens;
  if (devices_.size() < machine_.devices.size()) fit.settings.devices = Ids(devices_);
  if (chosen.estimated && !devices_.empty()) {
    fit.settings.device_layers = decision.device_layers;
  }
  core::MemoryFit& memory = fit.memory;
  memory.estimated = chosen.estimated;
  memory.context_tokens = decision.context_tokens;
  memory.context_tokens_max = std::max(window_max_, decision.context_tokens);
  memory.slots = decision.slots;
  memory.layers = static_cast<int>(model_.metadata.shape.block_count) + 1;
  for (const models::DeviceUse& device : estimate.devices) {
    if (device.layers == 0) continue;
    memory.device_layers += device.layers;
    memory.devices.push_back(device.name);
  }
  memory.layers_note = MissingLayers(memory);
  memory.window_note = LoweredWindow();
  fit.devices_planned = static_cast<int>(memory.devices.size());
  if (machine_.require_gpu) fit.devices_planned = std::max(fit.devices_planned, 1);
  fit.devices_required = machine_.require_gpu;
  fit.settings.tells_devices = fit.devices_planned > 0;
  memory.host = estimate.host.Total();
  for (const models::DeviceUse& device : estimate.devices) memory.device += device.parts.Total();
  memory.weights = Sum(estimate, &models::FitParts::weights);
  memory.cache = Sum(estimate, &models::FitParts::cache) + Sum(estimate, &models::FitParts::states);
  memory.compute =
      Sum(estimate, &models::FitParts::compute) + Sum(estimate, &models::FitParts::output);
  const std::uint64_t parts = memory.weights + memory.cache + memory.compute;
  memory.other = estimate.Total() - std::min(estimate.Total(), parts);
  memory.host_budget = machine_.host_bytes;
  memory.device_budget = DeviceBudget(machine_.devices);
  fit.bytes = {memory.host, memory.device};
  memory.why_not = WithoutDevices(decision);
  if (memory.why_not.empty()) memory.why_not = std::move(decision.why_not);
  memory.fits = memory.why_not.empty();
  return fit;
}

}  // namespace tidegate::engine
