#include "models/memory_fit_decide.h"

#include <algorithm>

#include "models/memory_fit_layers.h"

namespace tidegate::models {
namespace {

constexpr std::int64_t kStep = static_cast<std::int64_t>(kFitContextStep);
// Of a model that does not say what it was trained for.
constexpr std::int64_t kContextUntold = 8'192;

std::string Mebibytes(std::uint64_t bytes) {
  return std::to_string(bytes / (1024 * 1024) + (bytes % (1024 * 1024) != 0 ? 1 : 0)) + " MiB";
}

std::uint64_t Usable(std::uint64_t free_bytes, std::uint64_t reserve) {
  return free_bytes > reserve ? free_bytes - reserve : 0;
}

class Decider {
 public:
  Decider(const FitInput& base, const FitWishes& wishes, const FitMemory& memory)
      : input_(base), wishes_(wishes), memory_(memory) {}

  Result<FitDecision> Decide() {
    const std::uint64_t trained = input_.model->context_tokens;
    context_max_ = trained > 0 ? static_cast<std::int64_t>(trained) : kContextUntold;
    input_.slots = wishes_.slots.value_or(kFitSlotsDefault);
    input_.context_tokens = wishes_.context_tokens.value_or(std::min(kFitContextMin, context_max_));
    TIDEGATE_TRY(ChooseLayers());
    TIDEGATE_TRY(ChooseSlots());
    if (!wishes_.context_tokens) {
      TIDEGATE_ASSIGN(const std::int64_t largest, LargestContext());
      if (largest > 0) input_.context_tokens = largest;
    }
    FitDecision decision;
    decision.context_tokens = input_.context_tokens;
    decision.slots = input_.slots;
    decision.device_layers = input_.device_layers;
    TIDEGATE_ASSIGN(decision.estimate, EstimateMemory(input_));
    decision.why_not = WhyNot(decision.estimate);
    decision.fits = decision.why_not.empty();
    if (!decision.fits) TIDEGATE_TRY(SayWhatWouldFit(decision));
    return decision;
  }

 private:
  std::string WhyNot(const FitEstimate& estimate) const;
  bool DevicesHold(const FitEstimate& estimate) const;
  Result<bool> Fits() const {
    TIDEGATE_ASSIGN(const FitEstimate estimate, EstimateMemory(input_));
    return WhyNot(estimate).empty();
  }
  Result<void> ChooseLayers();
  Result<void> ChooseSlots();
  Result<std::int64_t> LargestContext();
  Result<void> SayWhatWouldFit(FitDecision& decision);

  FitInput input_;
  const FitWishes& wishes_;
  const FitMemory& memory_;
  std::int64_t context_max_ = 0;
};

std::string Decider::WhyNot(const FitEstimate& estimate) const {
  const auto sentence = [this](const std::string& where, const FitParts& parts,
                               std::uint64_t usable) {
    const std::string slots =
        input_.slots == 1 ? " tokens needs "
                          : " tokens for each of " + std::to_string(input_.slots) + " slots needs ";
    return "a context of " + std::to_string(input_.context_tokens) + slots +
           Mebibytes(parts.Total()) + " of " + where + " (" + Mebibytes(parts.weights) +
           " weights, " + Mebibytes(parts.cache) + " context), and " + Mebibytes(usable) +
           " may be used";
  };
  for (std::size_t i = 0; i < estimate.devices.size(); ++i) {
    const std::uint64_t usable = Usable(input_.devices[i].free_bytes, memory_.device_reserve_bytes);
    const FitParts& parts = estimate.devices[i].parts;
    if (parts.Total() > usable)
      return sentence("memory on " + input_.devices[i].name, parts, usable);
  }
  const std::uint64_t usable = Usable(memory_.host_free_bytes, memory_.host_reserve_bytes);
  if (estimate.host.Total() > usable) return sentence("memory", estimate.host, usable);
  return "";
}

bool Decider::DevicesHold(const FitEstimate& estimate) const {
  for (std::size_t i = 0; i < estimate.devices.size(); ++i) {
    if (estimate.devices[i].parts.Total() >
        Usable(input_.devices[i].free_bytes, memory_.device_reserve_bytes)) {
      return false;
    }
  }
  return true;
}

// As many as the devices hold: each layer there is faster than on the host.
Result<void> Decider::ChooseLayers() {
  if (input_.devices.empty() || wishes_.device_layers) {
    input_.device_layers = wishes_.device_layers.value_or(0);
    return {};
  }
  const int all = static_cast<int>(input_.model->shape.block_count) + 1;
  int low = 0;
  int high = all;
  while (low < high) {
    input_.device_layers = (low + high + 1) / 2;
    TIDEGATE_ASSIGN(const FitEstimate estimate, EstimateMemory(input_));
    if (DevicesHold(estimate)) {
      low = input_.device_layers;
    } else {
      high = input_.device_layers - 1;
    }
  }
  input_.device_layers = low;
  return {};
}

Result<void> Decider::ChooseSlots() {
  if (wishes_.slots) return {};
  while (input_.slots > 1) {
    TIDEGATE_ASSIGN(const bool fits, Fits());
    if (fits) return {};
    --input_.slots;
  }
  return {};
}

// 0 = not even the smallest does. The input's own context is left as it was.
Result<std::int64_t> Decider::LargestContext() {
  const std::int64_t before = input_.context_tokens;
  const auto fits_with = [this](std::int64_t context) {
    input_.context_tokens = context;
    return Fits();
  };
  std::int64_t low = 0;
  std::int64_t high = (context_max_ + kStep - 1) / kStep;  // in steps
  while (low < high) {
    const std::int64_t middle = (low + high + 1) / 2;
    TIDEGATE_ASSIGN(const bool fits, fits_with(std::min(context_max_, middle * kStep)));
    if (fits) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  input_.context_tokens = before;
  return std::min(context_max_, low * kStep);
}

Result<void> Decider::SayWhatWouldFit(FitDecision& decision) {
  TIDEGATE_ASSIGN(decision.would_fit_context, LargestContext());
  if (decision.would_fit_context > 0) {
    decision.why_not +=
        "; a context of " + std::to_string(decision.would_fit_context) + " would fit";
    return {};
  }
  const int slots = input_.slots;
  input_.slots = 1;
  TIDEGATE_ASSIGN(const std::int64_t alone, LargestContext());
  input_.slots = slots;
  decision.why_not += alone > 0 && slots > 1
                          ? "; with one slot a context of " + std::to_string(alone) + " would fit"
                          : "; no context would fit: free memory, or use a smaller model";
  return {};
}

}  // namespace

Result<FitDecision> DecideFit(const FitInput& base, const FitWishes& wishes,
                              const FitMemory& memory) {
  return Decider(base, wishes, memory).Decide();
}

}  // namespace tidegate::models
