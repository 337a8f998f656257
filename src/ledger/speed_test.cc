// What the books cost a loaded gate: 45 000 requests a second for a second, in bursts of one
// millisecond, on this machine's disk. The figures are printed; the limits are wide, since they are
// for a machine that others use as well.
#include <cstdio>
#include <optional>
#include <thread>
#include <time.h>
#include <utility>

#include <gtest/gtest.h>

#include "ledger/books_fixture.h"

namespace tidegate::ledger {
namespace {

constexpr int kPerSecond = 45'000;
constexpr int kBursts = 1'000;
constexpr std::int64_t kBurstNanos = 1'000'000;
constexpr std::int64_t kHotNanosMax = 20'000;
constexpr std::int64_t kWriterNanosMax = 40'000;

std::int64_t Cpu(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

core::DecisionRecord TypicalRecord() {
  core::DecisionRecord record;
  record.wall_nanos = SystemClock().WallNanos();
  record.principal = "laptop";
  record.protocol = "openai_chat";
  record.asked_model = "auto:cheap";
  record.status = 200;
  record.plan_us = 12;
  record.total_us = 412'345;
  for (const char* model :
       {"openai/gpt-4.1-mini", "anthropic/claude-haiku", "device/qwen3:4b", "lan/llama3.1:70b"}) {
    core::Candidate candidate;
    candidate.model = model;
    candidate.score = 0.37;
    candidate.estimated_cost = Money{123'456};
    candidate.worst_case_cost = Money{3'456'789};
    candidate.estimated_ttft_ms = 320;
    candidate.estimated_total_ms = 1'800;
    candidate.estimated_quality = 0.72;
    record.candidates.push_back(candidate);
  }
  core::AttemptRecord attempt;
  attempt.model = "openai/gpt-4.1-mini";
  attempt.egress = core::Egress::kRaw;
  attempt.outcome = core::AttemptOutcome::kOk;
  attempt.upstream_status = 200;
  attempt.reserved = Money{3'456'789};
  attempt.cost = Money{98'765};
  attempt.usage.input_tokens = 480;
  attempt.usage.output_tokens = 310;
  attempt.total_us = 411'900;
  attempt.bytes_sent = 1'900;
  attempt.bytes_received = 1'400;
  record.attempts.push_back(attempt);
  return record;
}

class SpeedTest : public BooksFixture {
 protected:
  SpeedTest() { options_.ledger.in_flight_max = kInFlightMaxDefault; }

  struct Figures {
    double hot_ns = 0, writer_ns = 0;
  };
  template <typename Step>
  Figures Run(Books& books, Step&& step) {
    const std::int64_t others_before = Cpu(CLOCK_PROCESS_CPUTIME_ID) - Cpu(CLOCK_THREAD_CPUTIME_ID);
    std::int64_t hot = 0;
    const std::int64_t start = SystemClock().MonotonicNanos();
    for (int burst = 0; burst < kBursts; ++burst) {
      while (SystemClock().MonotonicNanos() < start + burst * kBurstNanos) {
        std::this_thread::yield();
      }
      const std::int64_t begin = Cpu(CLOCK_THREAD_CPUTIME_ID);
      for (int i = 0; i < kPerSecond / kBursts; ++i) {
        step(static_cast<std::uint64_t>(burst * 100 + i));
      }
      hot += Cpu(CLOCK_THREAD_CPUTIME_ID) - begin;
    }
    books.writer().Barrier();
    const std::int64_t others =
        Cpu(CLOCK_PROCESS_CPUTIME_ID) - Cpu(CLOCK_THREAD_CPUTIME_ID) - others_before;
    return {static_cast<double>(hot) / kPerSecond, static_cast<double>(others) / kPerSecond};
  }
  void Report(const char* what, const Figures& figures, Books& books) {
    std::printf("%-28s hot path %6.0f ns, writer's CPU %6.0f ns, commits %lld\n", what,
                figures.hot_ns, figures.writer_ns,
                static_cast<long long>(books.writer().Stats().commits));
    EXPECT_LT(figures.hot_ns, kHotNanosMax);
    EXPECT_LT(figures.writer_ns, kWriterNanosMax);
  }
};

TEST_F(SpeedTest, ADecisionRecordCostsLittle) {
  Books& books = OpenBooks();
  core::DecisionRecord record = TypicalRecord();
  const Figures figures = Run(books, [&](std::uint64_t n) {
    record.id = {n, n * 7};
    record.wall_nanos += 22'000;
    record.total_us += static_cast<std::int64_t>(n % 1'000);
    record.attempts[0].cost.nanodollars = static_cast<std::int64_t>(90'000 + n % 10'000);
    books.log().Record(record);
  });
  Report("decision record", figures, books);
  EXPECT_EQ(books.log().Stats().queued_bytes, 0U);
}

TEST_F(SpeedTest, APaidLifeCostsLittle) {
  Books& books = OpenBooks();
  Ledger& ledger = books.ledger();
  ASSERT_TRUE(ledger.SetBudget("alice", {.day = Cents(100'000'000)}).ok());
  int refused = 0;
  const Figures figures = Run(books, [&](std::uint64_t) {
    Result<Reservation> reservation = Reserve(ledger, Request(Money{3'456'789}));
    if (!reservation.ok()) {  // the disk stalled so long that the table filled up
      ASSERT_EQ(reservation.error().reason, kReasonInFlightFull);
      ++refused;
      return;
    }
    ledger.MarkDispatched(*reservation);
    ledger.Settle(std::move(*reservation), {.actual = Money{98'765}, .usage = {}});
  });
  Report("reserve, dispatch, settle", figures, books);
  std::printf("%lld of %d waited for a commit, %d were refused\n",
              static_cast<long long>(ledger.Stats().waited), kPerSecond, refused);
}

TEST_F(SpeedTest, AFreeLifeWithItsRecordCostsLittle) {
  Books& books = OpenBooks();
  Ledger& ledger = books.ledger();
  core::DecisionRecord record = TypicalRecord();
  const Figures figures = Run(books, [&](std::uint64_t n) {
    std::optional<Result<Reservation>> reservation = ledger.TryReserve(Request(Money{}));
    ledger.MarkDispatched(**reservation);
    ledger.Settle(std::move(**reservation), {});
    record.id = {n, n};
    books.log().Record(record);
  });
  Report("free life and its record", figures, books);
}

}  // namespace
}  // namespace tidegate::ledger
