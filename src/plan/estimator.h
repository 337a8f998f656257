// How fast each deployment has been lately, from the answers themselves.
//
// A prior from a data sheet is wrong for a particular machine, network and hour. Every finished
// answer is one measurement of the time to the first token and of the speed after it; old ones
// fade.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/deployment.h"

namespace tidegate::plan {

// Measurements after which a count is halved, so that about this many recent ones carry the weight.
inline constexpr std::uint32_t kDecaySamples = 128;
// An answer shorter than this says nothing about speed.
inline constexpr std::int64_t kSpeedTokensMin = 8;

// Thread-safe and lock-free: a measurement is a few relaxed atomic additions. Concurrent
// measurements may be counted in either half of a decay; none blocks another.
class Estimator {
 public:
  explicit Estimator(std::size_t deployments);
  ~Estimator();
  Estimator(const Estimator&) = delete;
  Estimator& operator=(const Estimator&) = delete;

  // One answer of a deployment, to a prompt of about `prompt_tokens`. Only successful answers
  // measure: a failure is the breaker's matter, not a speed. `ttft_us` from sending to the first
  // content, `generation_us` from there to the end, `output_tokens` in that time; 0 where not
  // known. REQUIRES: deployment < the number given to the constructor.
  struct Answer {
    std::int64_t prompt_tokens = 0;
    std::int64_t ttft_us = 0, generation_us = 0;
    std::int64_t output_tokens = 0;
    bool ok = true;
  };
  void Observe(std::size_t deployment, const Answer& answer);

  // Writes samples, ttft_ms_*, prompt_tokens_p50 and tokens_per_s_* of `out` and leaves the rest.
  // Percentiles are exact to one bucket (12 %).
  void Snapshot(std::size_t deployment, core::LiveState& out) const;

  // From now on `deployment` has the measurements of `theirs` in `other`, and both add to them.
  // Before the estimator is used by more than one thread.
  void Share(std::size_t deployment, const Estimator& other, std::size_t theirs);

  std::size_t size() const { return statistics_.size(); }

 private:
  struct Statistics;
  std::vector<std::shared_ptr<Statistics>> statistics_;
};

}  // namespace tidegate::plan
