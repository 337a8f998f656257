#include "engine/tune.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "net/deadline.h"

namespace tidegate::engine {
namespace {

constexpr double kNanosPerMs = 1e6;
constexpr int kPassesMax = 2;
// What the two measurements at the end take, in trials, with something to spare.
constexpr std::int64_t kTrialsKeptForTheEnd = 3;
constexpr std::int64_t kContextQuick = 256, kContext = 1'024;
constexpr std::int64_t kOutputQuick = 16, kOutput = 48;
constexpr std::int64_t kSecondsQuick = 180, kSeconds = 1'200;
constexpr int kTogetherMax = 4;

double Log(double value) { return std::log(std::max(value, 1e-9)); }

double LatencyScore(const Round& alone) {
  const AnswerTimes& answer = alone.answers.front();
  const double speed = TokensPerSecond(static_cast<double>(answer.output_tokens), answer.output_ms);
  return (Log(speed) - Log(TtftMs(answer))) / 2;
}

// All tokens, read and written, over the whole time.
double ThroughputScore(const Round& together) {
  std::int64_t begin = together.answers.front().sent;
  std::int64_t end = 0;
  std::int64_t tokens = 0;
  for (const AnswerTimes& answer : together.answers) {
    begin = std::min(begin, answer.sent);
    end = std::max(end, answer.end);
    tokens += answer.prompt_tokens + answer.output_tokens;
  }
  return Log(
      TokensPerSecond(static_cast<double>(tokens), static_cast<double>(end - begin) / kNanosPerMs));
}

double MedianOf(std::span<const double> values) {
  return Median(std::vector<double>(values.begin(), values.end()));
}

double HalfRange(std::span<const double> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return values.empty() ? 0 : (*high - *low) / 2;
}

std::vector<std::optional<int>> ThreadValues(Processors processors, bool quick) {
  std::vector<int> counts = {processors.usual - 1, processors.logical};
  if (!quick) {
    counts.push_back(processors.usual + 1);
    counts.push_back(processors.usual / 2);
  }
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  std::vector<std::optional<int>> values = {std::nullopt};
  for (const int count : counts) {
    if (count < 1 || count > processors.logical || count == processors.usual) continue;
    values.emplace_back(count);
  }
  return values;
}

std::vector<std::optional<int>> UbatchValues(bool quick) {
  if (quick) return {std::nullopt, 256, 1'024};
  return {std::nullopt, 128, 256, 1'024, 2'048};
}

}  // namespace

std::string_view ToString(TuneGoal goal) {
  switch (goal) {
    case TuneGoal::kBalanced:
      return "balanced";
    case TuneGoal::kLatency:
      return "latency";
    case TuneGoal::kThroughput:
      return "throughput";
  }
  return "";
}

std::optional<TuneGoal> ParseTuneGoal(std::string_view text) {
  for (const TuneGoal one : {TuneGoal::kBalanced, TuneGoal::kLatency, TuneGoal::kThroughput}) {
    if (text == ToString(one)) return one;
  }
  return std::nullopt;
}

Tuning With(Tuning tuning, TuneAxis::Kind kind, std::optional<int> value) {
  switch (kind) {
    case TuneAxis::Kind::kThreads:
      tuning.threads = value;
      break;
    case TuneAxis::Kind::kUbatch:
      tuning.ubatch = value;
      break;
    case TuneAxis::Kind::kFlashAttention:
      tuning.flash_attention.reset();
      if (value) tuning.flash_attention = static_cast<FlashAttention>(*value);
      break;
    case TuneAxis::Kind::kKvType:
      tuning.kv_type.reset();
      if (value) tuning.kv_type = static_cast<models::KvType>(*value);
      break;
  }
  return tuning;
}

Result<TunePlan> PlanTune(const TuneWishes& wishes, const ChildSettings& untuned,
                          std::int64_t window, int slots, Processors processors) {
  TunePlan plan;
  plan.goal = wishes.goal;
  plan.seconds_max = wishes.seconds_max.value_or(wishes.quick ? kSecondsQuick : kSeconds);
  if (plan.seconds_max < kBenchSecondsMin || plan.seconds_max > kBenchSecondsMax) {
    return InvalidArgument("seconds_max", fmt::format("must be between {} and {}", kBenchSecondsMin,
                                                      kBenchSecondsMax));
  }
  plan.output_tokens = wishes.quick ? kOutputQuick : kOutput;
  plan.rounds = wishes.quick ? 2 : 3;
  const std::int64_t tokens =
      std::min(wishes.quick ? kContextQuick : kContext, window - plan.output_tokens);
  if (tokens < 1) {
    return InvalidArgument("model",
                           fmt::format("its window of {} tokens is too small to measure", window));
  }
  plan.alone = {tokens, 1};
  plan.together = {tokens, std::min(slots, kTogetherMax)};
  using Kind = TuneAxis::Kind;
  const auto add = [&](Kind kind, std::vector<std::optional<int>> values) {
    if (values.size() > 1) plan.axes.push_back({kind, std::move(values)});
  };
  if (untuned.threads == 0) add(Kind::kThreads, ThreadValues(processors, wishes.quick));
  if (untuned.flash_attention == FlashAttention::kAuto) {
    add(Kind::kFlashAttention, {std::nullopt, static_cast<int>(FlashAttention::kOn),
                                static_cast<int>(FlashAttention::kOff)});
  }
  if (!untuned.ubatch) add(Kind::kUbatch, UbatchValues(wishes.quick));
  const bool usual_kv =
      untuned.key_type == models::KvType::kF16 && untuned.value_type == models::KvType::kF16;
  if (wishes.allow_kv_quantisation && usual_kv) {
    add(Kind::kKvType, {std::nullopt, static_cast<int>(models::KvType::kQ8_0)});
  }
  return plan;
}

std::vector<double> Scores(TuneGoal goal, const TrialRounds& rounds) {
  std::vector<double> scores;
  const std::size_t count = std::min(rounds.alone.size(), rounds.together.size());
  for (std::size_t i = 0; i < count; ++i) {
    const double latency = LatencyScore(rounds.alone[i]);
    const double throughput = ThroughputScore(rounds.together[i]);
    scores.push_back(goal == TuneGoal::kLatency      ? latency
                     : goal == TuneGoal::kThroughput ? throughput
                                                     : (latency + throughput) / 2);
  }
  return scores;
}

Verdict Judge(std::span<const double> old_first, std::span<const double> old_last,
              std::span<const double> new_first, std::span<const double> new_last) {
  const double before = (MedianOf(old_first) + MedianOf(old_last)) / 2;
  const double after = (MedianOf(new_first) + MedianOf(new_last)) / 2;
  Verdict verdict;
  verdict.gain = after - before;
  verdict.noise =
      std::max({std::abs(MedianOf(old_first) - MedianOf(old_last)),
                std::abs(MedianOf(new_first) - MedianOf(new_last)), HalfRange(old_first),
                HalfRange(old_last), HalfRange(new_first), HalfRange(new_last)});
  verdict.better = verdict.gain > std::max(kGainMin, verdict.noise);
  return verdict;
}

namespace {

// One search; what it needs to know from one trial to the next.
class Search {
 public:
  Search(net::Shard& shard, TunePlan plan, Tuning before, MeasureTuning measure, TellStep tell,
         net::CancelToken& cancel)
      : plan_(std::move(plan)),
        measure_(std::move(measure)),
        tell_(std::move(tell)),
        cancel_(cancel),
        limit_(shard, cancel, plan_.seconds_max * kNanosPerSecond),
        began_(net::MonotonicNow()) {
    report_.before = report_.after = before;
  }

  net::Task<Result<TuneReport>> Run();

 private:
  struct Measured {
    Tuning tuning;
    std::vector<double> scores;
    std::vector<core::SpeedPoint> points;
  };
  net::Task<Result<Measured>> Measure(Tuning tuning, std::string what);
  net::Task<Result<void>> Pass(Measured& best);
  net::Task<Result<bool>> Try(Measured& best, Tuning tuning);
  net::Task<Result<void>> Decide(const Measured& old_first, const Measured& new_first);
  bool Known(const Tuning& tuning) const {
    return std::any_of(report_.trials.begin(), report_.trials.end(),
                       [&](const Trial& trial) { return trial.tuning == tuning; });
  }
  // Whether there is time for one more, and for the end.
  bool TimeForMore() const {
    return limit_.NanosLeft() > (1 + kTrialsKeptForTheEnd) * trial_nanos_;
  }
  Error TooShort() const {
    return Error{ErrorCode::kDeadlineExceeded, ErrorSource::kGateway, Retry::kNever,
                 fmt::format("{} s do not suffice to compare settings of this model; allow more "
                             "time, or try --quick",
                             plan_.seconds_max)};
  }

  const TunePlan plan_;
  const MeasureTuning measure_;
  const TellStep tell_;
  net::CancelToken& cancel_;
  TimeLimit limit_;
  const std::int64_t began_;
  std::int64_t trial_nanos_ = 0;  // the longest
  double base_ = 0;               // the score of the settings before
  // Values that the model did not start with: no other setting beside them will help.
  std::vector<std::pair<TuneAxis::Kind, std::optional<int>>> failed_;
  TuneReport report_;
};

net::Task<Result<Search::Measured>> Search::Measure(Tuning tuning, std::string what) {
  tell_(std::move(what));
  const std::int64_t began = net::MonotonicNow();
  const Result<TrialRounds> rounds = co_await measure_(tuning, limit_.token());
  trial_nanos_ = std::max(trial_nanos_, net::MonotonicNow() - began);
  if (cancel_.cancelled()) co_return cancel_.MakeError();
  if (limit_.token().cancelled()) co_return TooShort();
  if (!rounds.ok()) co_return rounds.error();
  Measured measured{tuning, Scores(plan_.goal, *rounds), {}};
  measured.points = {Summarise(rounds->alone)};
  if (plan_.together != plan_.alone) measured.points.push_back(Summarise(rounds->together));
  co_return measured;
}

// False: it was not tried, for want of time.
net::Task<Result<bool>> Search::Try(Measured& best, Tuning tuning) {
  if (Known(tuning)) co_return true;
  if (!TimeForMore()) co_return false;
  Result<Measured> measured = co_await Measure(tuning, "trying " + ToString(tuning));
  if (cancel_.cancelled()) co_return cancel_.MakeError();
  if (limit_.token().cancelled()) co_return false;
  Trial trial{tuning};
  if (measured.ok()) {
    trial.score = std::expm1(MedianOf(measured->scores) - base_);
    trial.points = measured->points;
    if (MedianOf(measured->scores) > MedianOf(best.scores) + kGainMin) best = *std::move(measured);
  } else {
    trial.problem = measured.error().message;
  }
  report_.trials.push_back(std::move(trial));
  co_return true;
}

net::Task<Result<void>> Search::Pass(Measured& best) {
  for (const TuneAxis& axis : plan_.axes) {
    for (const std::optional<int>& value : axis.values) {
      const Tuning tuning = With(best.tuning, axis.kind, value);
      const bool impossible = tuning.kv_type && models::IsQuantised(*tuning.kv_type) &&
                              tuning.flash_attention == FlashAttention::kOff;
      const bool failed_before =
          std::find(failed_.begin(), failed_.end(), std::pair(axis.kind, value)) != failed_.end();
      if (impossible || failed_before) continue;
      const std::size_t trials_before = report_.trials.size();
      const Result<bool> tried = co_await Try(best, tuning);
      if (!tried.ok()) co_return tried.error();
      if (!*tried) report_.complete = false;
      if (!*tried) co_return Result<void>();
      const bool failed =
          report_.trials.size() > trials_before && !report_.trials.back().problem.empty();
      if (failed) failed_.emplace_back(axis.kind, value);
    }
  }
  co_return Result<void>();
}

net::Task<Result<void>> Search::Decide(const Measured& old_first, const Measured& new_first) {
  const Result<Measured> old_last =
      co_await Measure(old_first.tuning, "once more " + ToString(old_first.tuning));
  if (!old_last.ok()) co_return old_last.error();
  const Result<Measured> new_last =
      co_await Measure(new_first.tuning, "once more " + ToString(new_first.tuning));
  if (!new_last.ok()) co_return new_last.error();
  report_.verdict = Judge(old_first.scores, old_last->scores, new_first.scores, new_last->scores);
  if (!report_.verdict.better) co_return Result<void>();
  report_.after = new_first.tuning;
  report_.points = new_last->points;
  co_return Result<void>();
}

net::Task<Result<TuneReport>> Search::Run() {
  const Result<Measured> before =
      co_await Measure(report_.before, "as it is: " + ToString(report_.before));
  if (!before.ok()) co_return before.error();
  base_ = MedianOf(before->scores);
  report_.points = before->points;
  report_.trials.push_back({report_.before, 0, before->points});
  Measured best = *before;
  for (int pass = 0; pass < kPassesMax && report_.complete; ++pass) {
    const Tuning best_before = best.tuning;
    Result<void> passed = co_await Pass(best);
    if (!passed.ok()) co_return std::move(passed).error();
    if (best.tuning == best_before) break;
  }
  if (!(best.tuning == report_.before)) {
    Result<void> decided = co_await Decide(*before, best);
    // Without the time to compare nothing is known to be better.
    const bool cut = !decided.ok() && limit_.token().cancelled() && !cancel_.cancelled();
    if (!decided.ok() && !cut) co_return std::move(decided).error();
    if (cut) report_.complete = false;
  }
  report_.nanos = net::MonotonicNow() - began_;
  co_return std::move(report_);
}

}  // namespace

net::Task<Result<TuneReport>> RunTune(net::Shard& shard, TunePlan plan, Tuning before,
                                      MeasureTuning measure, TellStep tell,
                                      net::CancelToken& cancel) {
  Search search(shard, std::move(plan), std::move(before), std::move(measure), std::move(tell),
                cancel);
  co_return co_await search.Run();
}

}  // namespace tidegate::engine
