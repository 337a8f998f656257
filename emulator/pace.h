// When each token of an answer is due, as numbers: the part of pacing that needs no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tidegate::emulator {

// Above this speed tokens share frames, so that a frame is never due more often.
inline constexpr std::int64_t kFramesPerSecondMax = 2'000;
// Tokens of a frame when the speed is unlimited.
inline constexpr std::size_t kUnlimitedFrameTokens = 16;

struct PaceOptions {
  std::int64_t ttft_ms = 0;
  std::int64_t tokens_per_s = 0;  // 0 = unlimited
  double jitter = 0;              // 0 … 1
  std::uint64_t seed = 0;
};

// The first token is due at ttft, each later one 1/tokens_per_s after the one before. With jitter j
// each of these times is multiplied by a factor between 1 − j and 1 + j, drawn from the seed. Due
// times never fall. A value.
class Pace {
 public:
  Pace(const PaceOptions& options, std::size_t tokens);

  std::size_t tokens() const { return due_nanos_.size(); }
  // Nanoseconds after the request arrived. REQUIRES: token < tokens().
  std::int64_t DueNanos(std::size_t token) const { return due_nanos_[token]; }
  // How many tokens are due `elapsed_nanos` after the request arrived.
  std::size_t TokensDueBy(std::int64_t elapsed_nanos) const;
  // Tokens that share a frame.
  std::size_t frame_tokens() const { return frame_tokens_; }

 private:
  std::vector<std::int64_t> due_nanos_;
  std::size_t frame_tokens_;
};

}  // namespace tidegate::emulator
