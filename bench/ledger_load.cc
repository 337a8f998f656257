// What the books cost a loaded gate: 45 000 requests a second for a second, in bursts of one
// millisecond, on this machine's disk. Prints one line of JSON; bench/run shows it.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <stdlib.h>
#include <string>
#include <thread>
#include <time.h>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "ledger/books.h"

namespace tidegate::ledger {
namespace {

constexpr int kPerSecond = 45'000;
constexpr int kBursts = 1'000;
constexpr std::int64_t kBurstNanos = 1'000'000;

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

struct Figures {
  double hot_ns = 0;     // CPU of the requests' own thread, of one request
  double writer_ns = 0;  // CPU of all other threads, of one request
};

// Books in a folder of their own, which goes with them.
class Scratch {
 public:
  Scratch() {
    CHECK(mkdtemp(folder_.data()) != nullptr);
    BooksOptions options;
    options.directory = folder_;
    Result<std::unique_ptr<Books>> opened = Open(options, SystemClock());
    CHECK(opened.ok());
    books_ = *std::move(opened);
  }
  ~Scratch() {
    books_.reset();
    std::error_code ignored;  // a temporary folder that stays is no harm
    std::filesystem::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  Books& books() { return *books_; }

 private:
  std::string folder_ = std::filesystem::temp_directory_path() / "tidegate-books-XXXXXX";
  std::unique_ptr<Books> books_;
};

template <typename Step>
Figures Run(Books& books, Step&& step) {
  const std::int64_t others_before = Cpu(CLOCK_PROCESS_CPUTIME_ID) - Cpu(CLOCK_THREAD_CPUTIME_ID);
  std::int64_t hot = 0;
  const std::int64_t start = SystemClock().MonotonicNanos();
  for (int burst = 0; burst < kBursts; ++burst) {
    while (SystemClock().MonotonicNanos() < start + burst * kBurstNanos) std::this_thread::yield();
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

Figures Records() {
  Scratch scratch;
  core::DecisionRecord record = TypicalRecord();
  return Run(scratch.books(), [&](std::uint64_t n) {
    record.id = {n, n * 7};
    record.wall_nanos += 22'000;
    record.total_us += static_cast<std::int64_t>(n % 1'000);
    record.attempts[0].cost.nanodollars = static_cast<std::int64_t>(90'000 + n % 10'000);
    scratch.books().log().Record(record);
  });
}

// Requests that would have to wait for a commit are counted and not waited for.
Figures PaidLives(int& waited) {
  Scratch scratch;
  Ledger& ledger = scratch.books().ledger();
  CHECK(ledger.SetBudget("laptop", {.day = Money{1'000'000'000'000'000}}).ok());
  return Run(scratch.books(), [&](std::uint64_t n) {
    const ReserveRequest request{
        {n, n}, "laptop", "openai/gpt-4.1-mini", core::Place::kCloud, Money{3'456'789}, 0};
    std::optional<Result<Reservation>> reservation = ledger.TryReserve(request);
    if (!reservation) ledger.Reserve(request, [](Result<Reservation>) {});
    if (!reservation || !reservation->ok()) {
      ++waited;
      return;
    }
    ledger.MarkDispatched(**reservation);
    ledger.Settle(std::move(**reservation), {.actual = Money{98'765}, .usage = {}});
  });
}

void PrintAll() {
  const Figures records = Records();
  int waited = 0;
  const Figures lives = PaidLives(waited);
  std::printf(
      "{\"record_ns\": %.0f, \"record_writer_ns\": %.0f, \"paid_ns\": %.0f, "
      "\"paid_writer_ns\": %.0f, \"waited\": %d, \"requests\": %d}\n",
      records.hot_ns, records.writer_ns, lives.hot_ns, lives.writer_ns, waited, kPerSecond);
}

}  // namespace
}  // namespace tidegate::ledger

int main() { tidegate::ledger::PrintAll(); }
