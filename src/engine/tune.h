// Looks for settings with which one model is faster: tries a few, one after the other, and keeps
// what is better by more than the measuring itself wavers.
//
// Coordinate descent: each setting in turn gets each of its values, beside the best of those
// before. That finds no optimum of all combinations, but the settings hardly depend on each other,
// and each trial is a restart. In the end what was there before and the best are measured once
// more, and both measurements of each count: whatever changed meanwhile (heat, other programs) has
// then met both.
//
// Not tried: guessing ahead (what it gains depends on what is written, and a measured answer is
// nobody's text), and the number of slots, which says how many are served and not how fast.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/speed_profile.h"
#include "engine/bench_run.h"
#include "engine/measure.h"
#include "engine/tuning.h"
#include "net/async.h"
#include "net/cancel.h"

namespace tidegate::engine {

// The least that is worth another setting than the usual one.
inline constexpr double kGainMin = 0.03;

enum class TuneGoal : std::uint8_t { kBalanced, kLatency, kThroughput };
std::string_view ToString(TuneGoal goal);
std::optional<TuneGoal> ParseTuneGoal(std::string_view text);

struct TuneWishes {
  TuneGoal goal = TuneGoal::kBalanced;
  std::optional<std::int64_t> seconds_max;
  bool quick = false;
  bool allow_kv_quantisation = false;  // it changes answers
};

// One setting and the values to try; nothing = the usual one.
struct TuneAxis {
  enum class Kind : std::uint8_t { kThreads, kUbatch, kFlashAttention, kKvType };
  Kind kind;
  std::vector<std::optional<int>> values;
};
// `tuning` with one setting replaced.
Tuning With(Tuning tuning, TuneAxis::Kind kind, std::optional<int> value);

struct Processors {
  int usual = 1;    // threads that the engine uses by itself
  int logical = 1;  // that there are
};

struct TunePlan {
  TuneGoal goal = TuneGoal::kBalanced;
  std::vector<TuneAxis> axes;
  Cell alone, together;
  std::int64_t output_tokens = 0;
  int rounds = 1;
  std::int64_t seconds_max = 0;
};

// `untuned`: the settings without any tuning; what they say themselves is not tried. Errors:
// kInvalidArgument, naming the field.
Result<TunePlan> PlanTune(const TuneWishes& wishes, const ChildSettings& untuned,
                          std::int64_t window, int slots, Processors processors);

// What one measurement with some settings gave.
struct TrialRounds {
  std::vector<Round> alone, together;  // as many of each
};
// Higher is better, on a logarithmic scale: a difference of 0.1 is 10 %. One for each round.
std::vector<double> Scores(TuneGoal goal, const TrialRounds& rounds);

struct Verdict {
  bool better = false;
  double gain = 0;   // of the score
  double noise = 0;  // what two measurements of the same settings differ by
};
// Each settings measured twice, in the order old, new, old, new or so.
Verdict Judge(std::span<const double> old_first, std::span<const double> old_last,
              std::span<const double> new_first, std::span<const double> new_last);

struct Trial {
  Tuning tuning;
  double score = 0;  // relative to that of the settings before: 0.1 = 10 % better
  std::vector<core::SpeedPoint> points = {};  // empty when it failed
  std::string problem = {};                   // why it could not be measured
};

struct TuneReport {
  Tuning before, after;  // equal: nothing was better
  Verdict verdict;
  std::vector<Trial> trials;             // in their order
  std::vector<core::SpeedPoint> points;  // with the settings after
  bool complete = true;                  // false: the time did not suffice for all trials
  std::int64_t nanos = 0;
};

// Restarts the model with these settings and measures. Errors end that trial, but for those of the
// token.
using MeasureTuning = std::function<net::Task<Result<TrialRounds>>(Tuning, net::CancelToken&)>;

// Errors: those of `measure` for the settings before; those of `cancel`; kDeadlineExceeded when the
// time did not even suffice for these.
net::Task<Result<TuneReport>> RunTune(net::Shard& shard, TunePlan plan, Tuning before,
                                      MeasureTuning measure, TellStep tell,
                                      net::CancelToken& cancel);

}  // namespace tidegate::engine
