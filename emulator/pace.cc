#include "emulator/pace.h"

#include <algorithm>
#include <cmath>

#include "emulator/seed.h"

namespace tidegate::emulator {
namespace {

constexpr std::int64_t kNanosPerMilli = 1'000'000;
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

std::size_t FrameTokens(std::int64_t tokens_per_s) {
  if (tokens_per_s == 0) return kUnlimitedFrameTokens;
  return static_cast<std::size_t>((tokens_per_s + kFramesPerSecondMax - 1) / kFramesPerSecondMax);
}

}  // namespace

Pace::Pace(const PaceOptions& options, std::size_t tokens)
    : frame_tokens_(FrameTokens(options.tokens_per_s)) {
  Random random(options.seed);
  const auto vary = [&](std::int64_t nanos) -> std::int64_t {
    if (options.jitter == 0) return nanos;
    const double factor = 1 + options.jitter * (2 * random.Share() - 1);
    return std::llround(static_cast<double>(nanos) * factor);
  };
  due_nanos_.reserve(tokens);
  // Without jitter each time is computed from the start, so that rounding does not add up.
  std::int64_t jittered = vary(options.ttft_ms * kNanosPerMilli);
  const std::int64_t start = jittered;
  for (std::size_t i = 0; i < tokens; ++i) {
    if (options.tokens_per_s == 0) {
      due_nanos_.push_back(start);
      continue;
    }
    const auto index = static_cast<std::int64_t>(i);
    due_nanos_.push_back(
        options.jitter == 0 ? start + index * kNanosPerSecond / options.tokens_per_s : jittered);
    jittered += vary(kNanosPerSecond / options.tokens_per_s);
  }
}

std::size_t Pace::TokensDueBy(std::int64_t elapsed_nanos) const {
  const auto end = std::upper_bound(due_nanos_.begin(), due_nanos_.end(), elapsed_nanos);
  return static_cast<std::size_t>(end - due_nanos_.begin());
}

}  // namespace tidegate::emulator
