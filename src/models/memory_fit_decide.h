// Whether a model fits into the memory that is free, with what was asked for, and else what would.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "models/memory_fit.h"

namespace tidegate::models {

// What somebody asked for; unset = whatever is best.
struct FitWishes {
  std::optional<std::int64_t> context_tokens;  // of one request
  std::optional<int> slots;
  std::optional<int> device_layers;
};

struct FitMemory {
  std::uint64_t host_free_bytes = 0;
  // Kept free: of the host for everybody else, of each device for what the driver and the display
  // take (llama-server's own --fit-target is 1024 MiB).
  std::uint64_t host_reserve_bytes = 512ULL * 1024 * 1024;
  std::uint64_t device_reserve_bytes = 1024ULL * 1024 * 1024;
};

inline constexpr std::int64_t kFitContextMin = 2'048;  // chosen by us; less is of little use
inline constexpr int kFitSlotsDefault = 4;

struct FitDecision {
  bool fits = false;
  // As asked for, or chosen: the largest context that fits, not beyond the trained one.
  std::int64_t context_tokens = 0;
  int slots = 0;
  int device_layers = 0;
  FitEstimate estimate;  // of these
  // One sentence with numbers when it does not fit.
  std::string why_not;
  // Of the same number of slots; 0 = no context would fit.
  std::int64_t would_fit_context = 0;
};

// `base` says everything but what the wishes are about; its context, slots and device layers are
// ignored. What was asked for is never lowered. Errors: those of EstimateMemory.
Result<FitDecision> DecideFit(const FitInput& base, const FitWishes& wishes,
                              const FitMemory& memory);

}  // namespace tidegate::models
