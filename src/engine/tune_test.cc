#include "engine/tune.h"

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/sleep.h"

namespace tidegate::engine {
namespace {

constexpr std::int64_t kMs = 1'000'000;
using Kind = TuneAxis::Kind;

// An answer of a model that is `factor` times as fast as the usual one.
AnswerTimes AnswerAt(double factor) {
  AnswerTimes times;
  times.sent = 1'000 * kMs;
  times.first_token = times.sent + std::llround(200.0 * static_cast<double>(kMs) / factor);
  times.end = times.first_token + std::llround(400.0 * static_cast<double>(kMs) / factor);
  times.prompt_tokens = 256;
  times.output_tokens = 16;
  times.prompt_ms = 190 / factor;
  times.output_ms = 400 / factor;
  return times;
}

TrialRounds RoundsAt(double alone, double together) {
  TrialRounds rounds;
  rounds.alone.push_back({{AnswerAt(alone)}, false});
  rounds.together.push_back({{AnswerAt(together), AnswerAt(together)}, false});
  return rounds;
}

TunePlan Planned(const TuneWishes& wishes, const ChildSettings& untuned = {}, int slots = 4) {
  const Result<TunePlan> plan = PlanTune(wishes, untuned, 4'096, slots, {3, 8});
  EXPECT_TRUE(plan.ok());
  return plan.ok() ? *plan : TunePlan();
}

const TuneAxis* AxisOf(const TunePlan& plan, Kind kind) {
  for (const TuneAxis& axis : plan.axes) {
    if (axis.kind == kind) return &axis;
  }
  return nullptr;
}

TEST(PlanTune, TriesThreadsAroundTheUsualNumberAndNeverMoreThanThereAre) {
  const TunePlan plan = Planned({});
  ASSERT_NE(AxisOf(plan, Kind::kThreads), nullptr);
  EXPECT_EQ(AxisOf(plan, Kind::kThreads)->values,
            (std::vector<std::optional<int>>{std::nullopt, 1, 2, 4, 8}));
  const Result<TunePlan> one = PlanTune({}, {}, 4'096, 1, {1, 1});
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(AxisOf(*one, Kind::kThreads), nullptr) << "one processor leaves no choice";
  EXPECT_EQ(one->together, one->alone);
}

TEST(PlanTune, LeavesAloneWhatTheConfigurationOrTheModelSays) {
  ChildSettings untuned;
  untuned.threads = 2;
  untuned.ubatch = 512;
  untuned.flash_attention = FlashAttention::kOff;
  const TunePlan plan = Planned({}, untuned);
  EXPECT_TRUE(plan.axes.empty());
}

TEST(PlanTune, TriesASmallerCacheOnlyWhenThatIsAllowed) {
  EXPECT_EQ(AxisOf(Planned({}), Kind::kKvType), nullptr);
  TuneWishes wishes;
  wishes.allow_kv_quantisation = true;
  EXPECT_NE(AxisOf(Planned(wishes), Kind::kKvType), nullptr);
  ChildSettings said;
  said.key_type = models::KvType::kQ4_0;
  EXPECT_EQ(AxisOf(Planned(wishes, said), Kind::kKvType), nullptr);
}

TEST(PlanTune, RefusesATimeThatIsNone) {
  TuneWishes wishes;
  wishes.seconds_max = 0;
  const Result<TunePlan> plan = PlanTune(wishes, {}, 4'096, 4, {3, 8});
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().field, "seconds_max");
}

TEST(Scores, CountWhatTheGoalIsAbout) {
  const auto score = [](TuneGoal goal, double alone, double together) {
    return Scores(goal, RoundsAt(alone, together)).front() - Scores(goal, RoundsAt(1, 1)).front();
  };
  EXPECT_NEAR(score(TuneGoal::kLatency, 1.1, 1), std::log(1.1), 1e-6);
  EXPECT_NEAR(score(TuneGoal::kLatency, 1, 2), 0, 1e-6);
  EXPECT_NEAR(score(TuneGoal::kThroughput, 2, 1.1), std::log(1.1), 1e-6);
  EXPECT_NEAR(score(TuneGoal::kBalanced, 1.1, 1.2), (std::log(1.1) + std::log(1.2)) / 2, 1e-6);
}

TEST(Judge, KeepsOnlyWhatIsBetterByMoreThanMeasuringWavers) {
  const std::vector<double> old = {1.00, 1.01, 1.02};
  const std::vector<double> clearly = {1.20, 1.21, 1.22};
  EXPECT_TRUE(Judge(old, old, clearly, clearly).better);
  EXPECT_NEAR(Judge(old, old, clearly, clearly).gain, 0.2, 1e-9);
  // The settings before became as fast by themselves: what changed was the machine.
  EXPECT_FALSE(Judge(old, clearly, clearly, clearly).better);
  // Each measurement wavers by as much as was gained.
  const std::vector<double> wide = {1.0, 1.3, 1.1};
  EXPECT_FALSE(Judge(old, old, wide, wide).better);
  // Less than is worth a setting, however sure.
  const std::vector<double> same = {1.00, 1.00, 1.00};
  const std::vector<double> hardly = {1.02, 1.02, 1.02};
  EXPECT_FALSE(Judge(same, same, hardly, hardly).better);
  EXPECT_FALSE(Judge(clearly, clearly, old, old).better);
}

// A search over a model whose speed with some settings is a formula.
class RunTuneTest : public testing::Test {
 protected:
  ~RunTuneTest() override { shards_.Stop(); }

  net::Task<Result<TrialRounds>> Play(Tuning tuning, net::CancelToken& cancel) {
    asked_.push_back(tuning);
    if (leaves_at_ == asked_.size()) cancel_.Cancel(ErrorCode::kCancelled);
    net::SleepTimer timer(shards_[0]);
    const bool slept = co_await timer.SleepUntil(cancel, net::MonotonicNow() + trial_nanos_);
    if (!slept) co_return cancel.MakeError();
    const double speed = speed_(tuning);
    if (speed == 0) co_return Unavailable(ErrorSource::kEngine, "it does not start");
    // A little wavering, as in life.
    const double wobble = asked_.size() % 2 == 0 ? 1.004 : 0.996;
    TrialRounds rounds = RoundsAt(speed * wobble, speed);
    const TrialRounds more = RoundsAt(speed, speed * wobble);
    rounds.alone.push_back(more.alone.front());
    rounds.together.push_back(more.together.front());
    co_return rounds;
  }
  net::Task<std::unique_ptr<Result<TuneReport>>> Task(TunePlan plan, Tuning before) {
    MeasureTuning measure = [this](Tuning tuning, net::CancelToken& cancel) {
      return Play(std::move(tuning), cancel);
    };
    TellStep tell = [this](std::string step) { told_.push_back(std::move(step)); };
    Result<TuneReport> report =
        co_await RunTune(shards_[0], plan, before, std::move(measure), std::move(tell), cancel_);
    co_return std::make_unique<Result<TuneReport>>(std::move(report));
  }
  Result<TuneReport> Run(const TunePlan& plan, const Tuning& before = {}) {
    return std::move(*net::SpawnFuture(shards_[0].io(), Task(plan, before)).get());
  }

  net::ShardSet shards_{1};
  net::CancelToken cancel_;
  std::vector<Tuning> asked_;
  std::vector<std::string> told_;
  std::function<double(const Tuning&)> speed_ = [](const Tuning&) { return 1.0; };
  std::int64_t trial_nanos_ = 0;
  std::size_t leaves_at_ = 0;
};

TEST_F(RunTuneTest, FindsTheBestOfEachSettingBesideTheBestOfTheOthers) {
  speed_ = [](const Tuning& tuning) {
    double speed = tuning.threads == 4 ? 1.3 : tuning.threads == 2 ? 1.1 : 1.0;
    if (tuning.ubatch == 256) speed *= 1.2;
    if (tuning.flash_attention == FlashAttention::kOff) speed *= 0.7;
    return speed;
  };
  const Result<TuneReport> report = Run(Planned({}));
  ASSERT_TRUE(report.ok()) << Describe(report.error());
  EXPECT_EQ(report->after.threads, 4);
  EXPECT_EQ(report->after.ubatch, 256);
  EXPECT_FALSE(report->after.flash_attention);
  EXPECT_TRUE(report->verdict.better);
  EXPECT_NEAR(std::exp(report->verdict.gain), 1.3 * 1.2, 0.05);
  EXPECT_TRUE(report->complete);
  EXPECT_EQ(report->points.size(), 2U);
  // What was there before and the best, once more, at the end.
  ASSERT_GE(asked_.size(), 2U);
  EXPECT_TRUE(asked_[asked_.size() - 2].empty());
  EXPECT_EQ(asked_.back(), report->after);
  EXPECT_EQ(told_.front(), "as it is: the usual settings");
}

TEST_F(RunTuneTest, SaysSoWhenNothingIsBetter) {
  const Result<TuneReport> report = Run(Planned({}));
  ASSERT_TRUE(report.ok()) << Describe(report.error());
  EXPECT_EQ(report->after, report->before);
  EXPECT_FALSE(report->verdict.better);
  EXPECT_GT(report->trials.size(), 5U);
  for (const Trial& trial : report->trials) EXPECT_NEAR(trial.score, 0, 0.01);
}

TEST_F(RunTuneTest, AGainThatDoesNotComeBackIsNotKept) {
  speed_ = [this](const Tuning& tuning) {
    // Something else ran until the first trials were over.
    if (asked_.size() <= 2) return tuning.threads ? 1.5 : 1.0;
    return 1.5;
  };
  const Result<TuneReport> report = Run(Planned({}));
  ASSERT_TRUE(report.ok()) << Describe(report.error());
  EXPECT_EQ(report->after, report->before);
  EXPECT_GT(report->verdict.noise, 0.3);
}

TEST_F(RunTuneTest, BeginsWithWhatWasKeptAndMayGoBackToTheUsual) {
  Tuning before;
  before.ubatch = 128;
  speed_ = [](const Tuning& tuning) { return tuning.ubatch ? 0.8 : 1.0; };
  const Result<TuneReport> report = Run(Planned({}), before);
  ASSERT_TRUE(report.ok()) << Describe(report.error());
  EXPECT_EQ(report->before, before);
  EXPECT_TRUE(report->after.empty());
  EXPECT_EQ(asked_.front(), before);
}

TEST_F(RunTuneTest, SettingsThatDoNotStartAreOneFailedTrial) {
  speed_ = [](const Tuning& tuning) {
    if (tuning.flash_attention == FlashAttention::kOn) return 0.0;
    return tuning.ubatch == 1'024 ? 1.4 : 1.0;
  };
  const Result<TuneReport> report = Run(Planned({}));
  ASSERT_TRUE(report.ok()) << Describe(report.error());
  EXPECT_EQ(report->after.ubatch, 1'024);
  int failed = 0;
  for (const Trial& trial : report->trials) failed += trial.problem.empty() ? 0 : 1;
  EXPECT_EQ(failed, 1);
}

TEST_F(RunTuneTest, QuantisedValuesAreNeverTriedWithoutFlashAttention) {
  TuneWishes wishes;
  wishes.allow_kv_quantisation = true;
  speed_ = [](const Tuning& tuning) {
    return tuning.flash_attention == FlashAttention::kOff ? 1.5 : 1.0;
  };
  ASSERT_TRUE(Run(Planned(wishes)).ok());
  for (const Tuning& tuning : asked_) {
    EXPECT_FALSE(tuning.kv_type && tuning.flash_attention == FlashAttention::kOff);
  }
}

TEST_F(RunTuneTest, KeepsTimeForTheComparisonAtTheEnd) {
  trial_nanos_ = 500 * kMs;
  TunePlan plan = Planned({});
  plan.seconds_max = 5;
  speed_ = [](const Tuning& tuning) { return tuning.threads == 1 ? 1.5 : 1.0; };
  const Result<TuneReport> report = Run(plan);
  ASSERT_TRUE(report.ok()) << Describe(report.error());
  EXPECT_FALSE(report->complete);
  EXPECT_EQ(report->after.threads, 1);
}

TEST_F(RunTuneTest, NotEvenTheSettingsBeforeInTimeIsAnError) {
  trial_nanos_ = 3'600'000 * kMs;
  TunePlan plan = Planned({});
  plan.seconds_max = 1;
  const Result<TuneReport> report = Run(plan);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(RunTuneTest, EndsWithTheClient) {
  leaves_at_ = 3;
  const Result<TuneReport> report = Run(Planned({}));
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(asked_.size(), 3U);
}

}  // namespace
}  // namespace tidegate::engine
