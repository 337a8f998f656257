#include "engine/bench_run.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/sleep.h"

namespace tidegate::engine {
namespace {

constexpr std::int64_t kMs = 1'000'000;

std::vector<Cell> CellsOf(const BenchWishes& wishes, std::int64_t window, int slots) {
  const Result<BenchPlan> plan =
      PlanBench(wishes, {window, window, [slots](std::int64_t) { return slots; }});
  EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : Describe(plan.error()));
  return plan.ok() ? plan->cells : std::vector<Cell>();
}

std::string FieldOf(const BenchWishes& wishes) {
  const Result<BenchPlan> plan = PlanBench(wishes, {4'096, 4'096, [](std::int64_t) { return 4; }});
  return plan.ok() ? "none" : plan.error().field;
}

TEST(PlanBench, MeasuresTheUsualLengthsAndNumbersThatFit) {
  EXPECT_EQ(CellsOf({}, 8'192, 4), (std::vector<Cell>{{128, 1},
                                                      {128, 2},
                                                      {128, 4},
                                                      {1'024, 1},
                                                      {1'024, 2},
                                                      {1'024, 4},
                                                      {4'096, 1},
                                                      {4'096, 2},
                                                      {4'096, 4}}));
  BenchWishes quick;
  quick.quick = true;
  EXPECT_EQ(CellsOf(quick, 512, 1), (std::vector<Cell>{{128, 1}}));
  EXPECT_EQ(CellsOf(quick, 100, 1), (std::vector<Cell>{{84, 1}})) << "all of a small window";
}

TEST(PlanBench, MeasuresWhatWasAskedForTheCheapestFirst) {
  BenchWishes wishes;
  wishes.contexts = {2'000, 50, 50};
  wishes.concurrency = {3, 1};
  EXPECT_EQ(CellsOf(wishes, 4'096, 4),
            (std::vector<Cell>{{50, 1}, {50, 3}, {2'000, 1}, {2'000, 3}}));
}

TEST(PlanBench, RefusesWhatCannotBeMeasuredAndNamesTheField) {
  BenchWishes wishes;
  wishes.contexts = {4'090};
  EXPECT_EQ(FieldOf(wishes), "contexts") << "no room for the answer";
  wishes.contexts = {0};
  EXPECT_EQ(FieldOf(wishes), "contexts");
  wishes.contexts.assign(kBenchContextsMax + 1, 100);
  EXPECT_EQ(FieldOf(wishes), "contexts");
  BenchWishes levels;
  levels.concurrency = {5};
  EXPECT_EQ(FieldOf(levels), "concurrency") << "more than there are slots";
  BenchWishes tokens;
  tokens.output_tokens = 1;
  EXPECT_EQ(FieldOf(tokens), "tokens");
  tokens.output_tokens = 4'096;
  EXPECT_EQ(FieldOf(tokens), "tokens") << "as many as the window";
  BenchWishes seconds;
  seconds.seconds_max = 1;
  EXPECT_EQ(FieldOf(seconds), "seconds_max");
}

TEST(PlanBench, ALengthThatNeedsALargerWindowGetsItAndTheSlotsThatItHas) {
  const BenchRoom room{8'192, 32'768, [](std::int64_t window) { return window > 8'192 ? 2 : 4; }};
  BenchWishes wishes;
  EXPECT_EQ(PlanBench(wishes, room)->window_tokens, 0) << "the usual lengths fit";
  wishes.contexts = {100, 12'000};
  const Result<BenchPlan> plan = PlanBench(wishes, room);
  ASSERT_TRUE(plan.ok()) << Describe(plan.error());
  EXPECT_EQ(plan->window_tokens, 12'000 + plan->output_tokens);
  EXPECT_EQ(plan->cells, (std::vector<Cell>{{100, 1}, {100, 2}, {12'000, 1}, {12'000, 2}}));
  wishes.concurrency = {4};
  EXPECT_EQ(PlanBench(wishes, room).error().field, "concurrency");
  wishes = {};
  wishes.contexts = {32'768};
  const Result<BenchPlan> too_long = PlanBench(wishes, room);
  ASSERT_FALSE(too_long.ok());
  EXPECT_EQ(too_long.error().field, "contexts");
  EXPECT_NE(too_long.error().message.find("32768 tokens at most"), std::string::npos);
}

// Runs with a model that a test plays: each round takes so long, and may fail.
class RunBenchTest : public testing::Test {
 protected:
  ~RunBenchTest() override { shards_.Stop(); }

  net::Task<Result<Round>> Play(Cell cell, net::CancelToken& cancel) {
    asked_.push_back(cell);
    if (fails_) co_return Unavailable(ErrorSource::kEngine, "it broke");
    if (client_leaves_) cancel_.Cancel(ErrorCode::kCancelled);
    net::SleepTimer timer(shards_[0]);
    const std::int64_t due = net::MonotonicNow() + (cell == slow_ ? slow_nanos_ : 0);
    const bool slept = co_await timer.SleepUntil(cancel, due);
    if (!slept) co_return cancel.MakeError();
    Round round;
    AnswerTimes times;
    times.first_token = cell.prompt_tokens * kMs;
    times.end = times.first_token + kMs;
    times.prompt_tokens = cell.prompt_tokens;
    times.output_tokens = 8;
    round.answers.assign(static_cast<std::size_t>(cell.at_once), times);
    co_return round;
  }
  net::Task<std::unique_ptr<Result<BenchReport>>> Task(BenchPlan plan) {
    MeasureRound measure = [this](Cell cell, net::CancelToken& cancel) {
      return Play(cell, cancel);
    };
    TellStep tell = [this](std::string step) { told_.push_back(std::move(step)); };
    Result<BenchReport> report =
        co_await RunBench(shards_[0], plan, std::move(measure), std::move(tell), cancel_);
    co_return std::make_unique<Result<BenchReport>>(std::move(report));
  }
  Result<BenchReport> Run(const BenchPlan& plan) {
    return std::move(*net::SpawnFuture(shards_[0].io(), Task(plan)).get());
  }

  net::ShardSet shards_{1};
  net::CancelToken cancel_;
  std::vector<Cell> asked_;
  std::vector<std::string> told_;
  Cell slow_ = {0, 0};
  std::int64_t slow_nanos_ = 0;
  bool fails_ = false, client_leaves_ = false;
};

TEST_F(RunBenchTest, MeasuresEachCellSoManyTimesAndTellsOfEach) {
  const Result<BenchReport> report = Run({{{100, 1}, {100, 2}}, 8, 3, 60});
  ASSERT_TRUE(report.ok()) << Describe(report.error());
  EXPECT_EQ(asked_.size(), 6U);
  EXPECT_EQ(told_, (std::vector<std::string>{"100 tokens, 1 at once (1 of 2)",
                                             "100 tokens, 2 at once (2 of 2)"}));
  ASSERT_EQ(report->points.size(), 2U);
  EXPECT_EQ(report->points[1].at_once, 2);
  EXPECT_EQ(report->points[1].requests, 6);
  EXPECT_DOUBLE_EQ(report->points[0].ttft_ms_p50, 100);
  EXPECT_TRUE(report->left_out.empty());
}

TEST_F(RunBenchTest, WhenTheTimeIsUpSaysWhatWasLeftOut) {
  slow_ = {200, 1};
  slow_nanos_ = 3'600'000 * kMs;
  const Result<BenchReport> report = Run({{{100, 1}, {200, 1}, {300, 1}}, 8, 2, 1});
  ASSERT_TRUE(report.ok()) << Describe(report.error());
  ASSERT_EQ(report->points.size(), 1U);
  EXPECT_EQ(report->points[0].prompt_tokens, 100);
  EXPECT_EQ(report->left_out, (std::vector<Cell>{{200, 1}, {300, 1}}));
}

TEST_F(RunBenchTest, NothingInTimeIsAnError) {
  slow_ = {100, 1};
  slow_nanos_ = 3'600'000 * kMs;
  const Result<BenchReport> report = Run({{{100, 1}}, 8, 2, 1});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(RunBenchTest, EndsWithTheClient) {
  client_leaves_ = true;
  const Result<BenchReport> report = Run({{{100, 1}, {200, 1}}, 8, 2, 60});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(RunBenchTest, AModelThatFailsEndsItWithItsOwnWords) {
  fails_ = true;
  const Result<BenchReport> report = Run({{{100, 1}}, 8, 2, 60});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().message, "it broke");
}

}  // namespace
}  // namespace tidegate::engine
