// How fast a model was measured to be on this machine: how long it takes to read a prompt, and how
// fast it writes beside others. Estimates between what was measured are straight lines.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tidegate::core {

// What was measured with prompts of one length and so many requests at once.
struct SpeedPoint {
  std::int64_t prompt_tokens = 0;  // as the engine counted them
  int at_once = 1;
  std::int64_t requests = 0;  // behind these figures
  double ttft_ms_p50 = 0, ttft_ms_p95 = 0;
  double prompt_tokens_per_s = 0;  // of one request, while its prompt was read
  double tokens_per_s = 0;         // of one answer
  double tokens_per_s_total = 0;   // of all answers together
  bool disturbed = false;          // others used the model meanwhile, or not all ran at once
  friend bool operator==(const SpeedPoint&, const SpeedPoint&) = default;
};

// A value of x with what was found there.
struct Knot {
  double x = 0, y = 0;
};

class SpeedProfile {
 public:
  // REQUIRES: at least one point. `settings`: what it was measured with, for people.
  SpeedProfile(std::vector<SpeedPoint> points, std::int64_t measured_s, std::string settings);

  // Until the first token of a prompt so long, for one request alone. Beyond what was measured the
  // last slope goes on; with one length alone, in proportion.
  double TtftMs(std::int64_t prompt_tokens) const;
  // Of one answer of `at_once`. Beyond the most requests measured, what all get together is shared;
  // beyond the longest prompt, the speed is that of the longest.
  double TokensPerSecond(std::int64_t prompt_tokens, std::int64_t at_once) const;

  const std::vector<SpeedPoint>& points() const { return points_; }
  std::int64_t measured_s() const { return measured_s_; }  // since 1970
  const std::string& settings() const { return settings_; }

 private:
  struct Writing {
    double prompt_tokens = 0;
    std::vector<Knot> speeds;  // by requests at once
  };
  std::vector<SpeedPoint> points_;  // by length, then by requests at once
  std::int64_t measured_s_;
  std::string settings_;
  std::vector<Knot> reading_;  // milliseconds by tokens
  std::vector<Writing> writing_;
};

// On the straight line between the knots around x; outside, that of the nearest knot. REQUIRES:
// `knots` is not empty and rises in x.
double Between(std::span<const Knot> knots, double x);

}  // namespace tidegate::core
