// kill -9 at every step of the pay path, against the bill of a provider that the process cannot
// forget.
//
// A child process reserves, dispatches, is billed and settles, and is killed: at a failpoint
// between two steps, at an operation of the disk (also after half a write), or at a random instant.
// The bill and the progress of every request are kept in memory shared with the parent. Afterwards
// the books must add up to what the progress of each request allows: exactly its bill when it was
// settled, its whole worst case when it was dispatched and not settled, nothing before that.
//
// TIDEGATE_CRASH_CYCLES sets the number of kills; a child that ends before its moment came does not
// count.
#include <atomic>
#include <cstdlib>
#include <random>
#include <set>
#include <signal.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ledger/books_fixture.h"

namespace tidegate::ledger {
namespace {

constexpr int kKillsDefault = 200;
constexpr int kCyclesPerKillMax = 3;
constexpr int kCyclesPerPrincipal = 8;  // then a fresh budget, so that some cycles run into the cap
constexpr unsigned kWorkers = 2;
constexpr std::size_t kRequestsPerWorker = 400;
constexpr std::size_t kRequests = kWorkers * kRequestsPerWorker;
constexpr std::size_t kAmbiguousMax = 16;
constexpr Money kCap = Cents(2'000);
constexpr std::int64_t kWorstMax = 20'000'000;

// How far a request has come; stored just before and just after each call.
enum Progress : int { kNone, kDispatching, kDispatched, kSettling, kSettled };

struct Journey {
  std::atomic<int> progress;
  std::atomic<std::int64_t> worst, bill;  // bill: what the provider will charge when it was reached
};

struct Shared {
  std::atomic<bool> reached_kill;
  std::atomic<int> failures;
  std::atomic<std::int64_t> admitted;
  std::array<Journey, kRequests> journeys;
};

// When the child dies.
struct Kill {
  enum class Kind : unsigned { kFailpoint, kDisk, kTornWrite, kTimer } kind = Kind::kFailpoint;
  int at = 0;         // the so-manieth event
  long delay_us = 0;  // for kTimer
};

class CrashTest : public BooksFixture {
 protected:
  CrashTest() {
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    shared_ = new (memory) Shared{};
  }
  ~CrashTest() override { ::munmap(shared_, sizeof(Shared)); }

  [[noreturn]] void Die() {
    shared_->reached_kill = true;
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }

  void Worker(Ledger& ledger, unsigned seed, std::size_t first, const std::string& principal,
              bool disk_fails) {
    std::mt19937 random(seed);
    for (std::size_t i = first; i < first + kRequestsPerWorker; ++i) {
      Journey& journey = shared_->journeys[i];
      const std::int64_t worst = 1 + static_cast<std::int64_t>(random() % kWorstMax);
      journey.worst = worst;
      journey.bill = static_cast<std::int64_t>(random() % static_cast<unsigned>(worst + 1));
      ReserveRequest reserve = Request(Money{worst}, principal);
      reserve.id.low = i;
      Result<Reservation> reservation = Reserve(ledger, reserve);
      if (!reservation.ok()) {
        const bool refused_by_disk =
            reservation.error().reason == kReasonLedgerUnavailable && disk_fails;
        if (reservation.error().code != ErrorCode::kBudgetExceeded && !refused_by_disk) {
          ++shared_->failures;
        }
        continue;
      }
      ++shared_->admitted;
      if (random() % 8 == 0) continue;  // dies undispatched
      journey.progress = kDispatching;
      ledger.MarkDispatched(*reservation);
      journey.progress = kDispatched;
      if (random() % 4 == 0) std::this_thread::yield();
      journey.progress = kSettling;
      ledger.Settle(std::move(*reservation), {.actual = Money{journey.bill}, .usage = {}});
      journey.progress = kSettled;
    }
  }

  // In the child; returns only when the kill was not reached.
  void RunChild(const Kill& kill, unsigned seed, const std::string& principal) {
    std::atomic<int> events{0};
    const auto count = [&] {
      if (events++ == kill.at) Die();
    };
    if (kill.kind == Kill::Kind::kFailpoint) options_.ledger.failpoint = [&](Step) { count(); };
    if (kill.kind == Kill::Kind::kDisk) {
      disk_.SetScript([&](store::DiskOperation) {
        count();
        return store::DiskFault::kNone;
      });
    }
    if (kill.kind == Kill::Kind::kTornWrite) {
      disk_.SetScript([&](store::DiskOperation) {
        const int event = events++;
        if (event > kill.at) Die();
        return event == kill.at ? store::DiskFault::kTornWrite : store::DiskFault::kNone;
      });
    }
    Result<std::unique_ptr<Books>> books = Open(options_, clock_);
    if (!books.ok()) {
      ::_exit(kill.kind == Kill::Kind::kTornWrite ? 0
                                                  : 3);  // a torn write at the start is an error
    }
    Ledger& ledger = (*books)->ledger();
    if (!ledger.SetBudget(principal, {.day = kCap}).ok()) ::_exit(4);
    {
      std::vector<std::jthread> workers;
      for (unsigned w = 0; w < kWorkers; ++w) {
        workers.emplace_back([&, w] {
          Worker(ledger, seed * kWorkers + w, w * kRequestsPerWorker, principal,
                 kill.kind == Kill::Kind::kTornWrite);
        });
      }
    }
    books->reset();
    ::_exit(0);
  }

  void RunCycle(const Kill& kill, unsigned seed, const std::string& principal) {
    shared_->reached_kill = false;
    for (auto& journey : shared_->journeys) journey.progress = kNone;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) RunChild(kill, seed, principal);
    if (kill.kind == Kill::Kind::kTimer) {
      const timespec delay{0, kill.delay_us * 1'000};
      ::nanosleep(&delay, nullptr);  // the random instant itself, not a wait for something
      ::kill(child, SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
    } else {
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
      ++killed_;
    }
  }

  // The sums that the progress of all requests allows, above what the books held before.
  std::set<std::int64_t> AllowedSums() const {
    std::set<std::int64_t> sums = {0};
    std::size_t ambiguous = 0;
    std::int64_t certain = 0;
    for (const auto& journey : shared_->journeys) {
      std::int64_t either = 0;
      std::int64_t other = 0;
      switch (journey.progress.load()) {
        case kNone:
          continue;
        case kDispatching:
          other = journey.worst;
          break;
        case kDispatched:
          certain += journey.worst;
          continue;
        case kSettling:
          either = journey.worst, other = journey.bill;
          break;
        case kSettled:
          certain += journey.bill;
          continue;
      }
      EXPECT_LE(++ambiguous, kAmbiguousMax);
      std::set<std::int64_t> next;
      for (const std::int64_t sum : sums) {
        next.insert(sum + either);
        next.insert(sum + other);
      }
      sums = std::move(next);
    }
    std::set<std::int64_t> shifted;
    for (const std::int64_t sum : sums) shifted.insert(sum + certain);
    return shifted;
  }
  // What the provider may have charged at most: everybody whose first byte may have left.
  std::int64_t Bill() const {
    std::int64_t bill = 0;
    for (const auto& journey : shared_->journeys) {
      if (journey.progress >= kDispatched) bill += journey.bill;
    }
    return bill;
  }

  Shared* shared_ = nullptr;
  int killed_ = 0;
};

Kill DrawKill(std::mt19937& random, int cycle) {
  Kill kill;
  kill.kind = static_cast<Kill::Kind>(cycle % 4);
  switch (kill.kind) {
    case Kill::Kind::kFailpoint:
      kill.at = static_cast<int>(random() % (random() % 3 == 0 ? 12 : 4'000));
      break;
    case Kill::Kind::kDisk:
    case Kill::Kind::kTornWrite:
      kill.at = static_cast<int>(random() % 120);
      break;
    case Kill::Kind::kTimer:
      kill.delay_us = static_cast<long>(2'000 + random() % 60'000);
      break;
  }
  return kill;
}

TEST_F(CrashTest, WhereverTheProcessIsKilledTheBooksAddUp) {
  const char* wanted = std::getenv("TIDEGATE_CRASH_CYCLES");
  const int kills = wanted != nullptr ? std::atoi(wanted) : kKillsDefault;
  std::mt19937 random(20'261'122);
  std::int64_t before = 0;
  int exact = 0;
  int cycle = 0;
  for (; killed_ < kills && !HasFailure(); ++cycle) {
    ASSERT_LT(cycle, kills * kCyclesPerKillMax);
    const std::string principal = "p" + std::to_string(cycle / kCyclesPerPrincipal);
    if (cycle % kCyclesPerPrincipal == 0) before = 0;
    SCOPED_TRACE("cycle " + std::to_string(cycle));
    RunCycle(DrawKill(random, cycle), static_cast<unsigned>(cycle), principal);
    const bool power_loss = cycle % 12 == 11;
    if (power_loss) options_.ledger.boot_id = "boot-" + std::to_string(cycle);
    Books& books = OpenBooks();
    const std::int64_t after = TotalOf(books, principal).cost.nanodollars;
    EXPECT_LE(after, kCap.nanodollars);
    ASSERT_TRUE(books.ledger().SetBudget(principal, {.day = kCap}).ok());
    EXPECT_EQ(books.ledger().Remaining(principal).day,
              kCap - Money{after});  // windows and sums agree
    EXPECT_GE(after - before, Bill());
    if (books.ledger().recovery().exact) {
      ++exact;
      EXPECT_TRUE(AllowedSums().contains(after - before))
          << "total " << after - before << ", allowed from " << *AllowedSums().begin();
    }
    before = after;
    books_.reset();
  }
  EXPECT_EQ(shared_->failures, 0);
  EXPECT_GT(shared_->admitted, cycle);
  EXPECT_GT(exact, kills / 2);
  RecordProperty("cycles", cycle);
  RecordProperty("admitted", std::to_string(shared_->admitted));
  RecordProperty("exact", exact);
}

// Each failpoint of the start in turn, over books with something to recover: the start after it
// finds the same sums.
TEST_F(CrashTest, AStartThatIsKilledAtAnyOfItsStepsIsRepeatedWithoutCountingTwice) {
  OpenBooks();
  Spend(books_->ledger(), kCent, kCent);
  books_.reset();
  std::int64_t expected = kCent.nanodollars;
  for (const Step step :
       {Step::kRecoveryRead, Step::kRecoveryCommitted, Step::kRecoveryTableReady}) {
    for (const bool at_start : {false, true}) {
      const pid_t child = ::fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        if (at_start) {
          options_.ledger.failpoint = [&](Step now) {
            if (now == step) Die();
          };
        }
        Result<std::unique_ptr<Books>> books = Open(options_, clock_);
        if (!books.ok()) ::_exit(3);
        Result<Reservation> reservation = Reserve((*books)->ledger(), Request(Cents(5)));
        if (!reservation.ok()) ::_exit(4);
        (*books)->ledger().MarkDispatched(*reservation);
        Die();
      }
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    }
    expected +=
        Cents(5).nanodollars;  // of the first child; the second was killed before it dispatched
    EXPECT_EQ(TotalOf(OpenBooks()).cost.nanodollars, expected);
    books_.reset();
  }
}

}  // namespace
}  // namespace tidegate::ledger
