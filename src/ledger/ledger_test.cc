#include "ledger/ledger.h"

#include <atomic>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "ledger/books_fixture.h"
#include "store/errors.h"

namespace tidegate::ledger {
namespace {

constexpr std::int64_t kNanosPerDay = 86'400'000'000'000;
constexpr std::int64_t kNanosPerHour = 3'600'000'000'000;

class LedgerTest : public BooksFixture {
 protected:
  LedgerTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  // For the process of a death test, which never comes to its destructor.
  void LeaveNothing() { std::filesystem::remove_all(directory_); }
};

TEST_F(LedgerTest, OfAThousandAtOnceExactlyThoseWithinTheBudgetAreAdmitted) {
  for (int seed = 0; seed < 5; ++seed) {
    const std::string principal = "key-" + std::to_string(seed);
    Ledger& ledger = OpenBooks().ledger();
    ASSERT_TRUE(ledger.SetBudget(principal, {.day = Cents(500)}).ok());
    constexpr int kThreads = 50;
    constexpr int kPerThread = 20;
    std::atomic<int> admitted{0};
    std::atomic<int> refused{0};
    std::atomic<int> ready{0};
    std::vector<std::vector<Reservation>> held(kThreads);
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
          ++ready;
          while (ready < kThreads) std::this_thread::yield();
          for (int i = 0; i < kPerThread; ++i) {
            Result<Reservation> result = Reserve(ledger, Request(Cents(10), principal));
            if (result.ok()) {
              ++admitted;
              held[static_cast<std::size_t>(t)].push_back(std::move(*result));
            } else {
              refused += result.error().code == ErrorCode::kBudgetExceeded ? 1 : 0;
            }
          }
        });
      }
    }
    EXPECT_EQ(admitted, 50);
    EXPECT_EQ(refused, 950);
    EXPECT_EQ(ledger.Remaining(principal).day, Money{});
  }
}

TEST_F(LedgerTest, WhatIsSettledBelowTheWorstCaseIsFreeAgain) {
  Ledger& ledger = OpenBooks().ledger();
  ASSERT_TRUE(ledger.SetBudget("alice", {.day = Cents(100)}).ok());
  Spend(ledger, Cents(60), Cents(10));
  EXPECT_EQ(ledger.Remaining("alice").day, Cents(90));
  Spend(ledger, Cents(90), Cents(90));
  const Result<Reservation> more = Reserve(ledger, Request(Money{1}));
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, ErrorCode::kBudgetExceeded);
  EXPECT_EQ(more.error().reason, kReasonBudgetDay);
}

TEST_F(LedgerTest, AProviderThatChargesMoreThanReservedIsCountedInFull) {
  Books& books = OpenBooks();
  ASSERT_TRUE(books.ledger().SetBudget("alice", {.day = Cents(100)}).ok());
  Spend(books.ledger(), Cents(10), Cents(150));
  EXPECT_EQ(books.ledger().Remaining("alice").day, Money{});
  EXPECT_FALSE(Reserve(books.ledger(), Request(Money{1})).ok());
  EXPECT_EQ(books.ledger().Stats().overruns, 1);
  EXPECT_EQ(TotalOf(books).cost, Cents(150));
}

TEST_F(LedgerTest, AnUndispatchedReservationThatDiesIsReleasedAndADispatchedOneIsAssumed) {
  Books& books = OpenBooks();
  Ledger& ledger = books.ledger();
  ASSERT_TRUE(ledger.SetBudget("alice", {.day = Cents(100)}).ok());
  { const Result<Reservation> dies = Reserve(ledger, Request(Cents(40))); }
  EXPECT_EQ(ledger.Remaining("alice").day, Cents(100));
  {
    Result<Reservation> dies = Reserve(ledger, Request(Cents(40)));
    ledger.MarkDispatched(*dies);
  }
  EXPECT_EQ(ledger.Remaining("alice").day, Cents(60));
  EXPECT_EQ(ledger.Stats().abandoned_dispatches, 1);
  const SpendRow total = TotalOf(books);
  EXPECT_EQ(total.cost, Cents(40));
  EXPECT_EQ(total.assumed, Cents(40));
}

TEST_F(LedgerTest, AVoidedReservationCostsNothing) {
  Ledger& ledger = OpenBooks().ledger();
  ASSERT_TRUE(ledger.SetBudget("alice", {.day = Cents(100)}).ok());
  Result<Reservation> reservation = Reserve(ledger, Request(Cents(40)));
  ASSERT_TRUE(reservation.ok());
  EXPECT_EQ(ledger.Remaining("alice").day, Cents(60));
  ledger.Void(std::move(*reservation));
  EXPECT_EQ(ledger.Remaining("alice").day, Cents(100));
  EXPECT_EQ(ledger.Stats().in_flight, 0);
}

TEST_F(LedgerTest, AMovedReservationIsSettledOnceAndSettlingItAgainIsOurBug) {
  Books& books = OpenBooks();
  Result<Reservation> first = Reserve(books.ledger(), Request(Cents(40)));
  ASSERT_TRUE(first.ok());
  Reservation second = std::move(*first);
  EXPECT_FALSE(first->active());
  books.ledger().MarkDispatched(second);
  books.ledger().Settle(std::move(second), {.actual = Cents(3), .usage = {}});
  EXPECT_FALSE(second.active());
  EXPECT_EQ(TotalOf(books).cost, Cents(3));
  EXPECT_DEATH(
      {
        LeaveNothing();
        books.ledger().Settle(std::move(second), {.actual = Cents(3), .usage = {}});
      },
      "active");
}

TEST_F(LedgerTest, ADispatchedReservationCannotBeVoided) {
  Ledger& ledger = OpenBooks().ledger();
  Result<Reservation> reservation = Reserve(ledger, Request(Cents(1)));
  ASSERT_TRUE(reservation.ok());
  ledger.MarkDispatched(*reservation);
  EXPECT_DEATH(
      {
        LeaveNothing();
        ledger.Void(std::move(*reservation));
      },
      "dispatched");
}

TEST_F(LedgerTest, AZeroCostReservationNeverWaitsAndItsTokensAreCounted) {
  Books& books = OpenBooks();
  ASSERT_TRUE(books.ledger().SetBudget("alice", {.day = Money{}}).ok());
  ReserveRequest request = Request(Money{});
  request.place = core::Place::kDevice;
  request.model = "device/llama";
  std::optional<Result<Reservation>> reservation = books.ledger().TryReserve(request);
  ASSERT_TRUE(reservation.has_value());
  ASSERT_TRUE(reservation->ok());
  books.ledger().MarkDispatched(**reservation);
  Settlement settlement;
  settlement.usage.output_tokens = 7;
  books.ledger().Settle(std::move(**reservation), settlement);
  EXPECT_EQ(books.ledger().Stats().in_flight, 0);
  const SpendRow total = TotalOf(books);
  EXPECT_EQ(total.dispatches, 1);
  EXPECT_EQ(total.output_tokens, 7);
  EXPECT_EQ(total.cost, Money{});
}

TEST_F(LedgerTest, TheFirstReservationWaitsForACommitAndTheNextOnesDoNot) {
  Ledger& ledger = OpenBooks().ledger();
  EXPECT_FALSE(ledger.TryReserve(Request(Cents(1))).has_value());
  EXPECT_EQ(ledger.Stats().in_flight, 0);
  ASSERT_TRUE(Reserve(ledger, Request(Cents(1))).ok());
  EXPECT_EQ(ledger.Stats().waited, 1);
  for (int i = 0; i < 8; ++i) {
    const std::optional<Result<Reservation>> next = ledger.TryReserve(Request(Cents(1)));
    ASSERT_TRUE(next.has_value() && next->ok());
  }
}

TEST_F(LedgerTest, RoomIsAskedForAheadOfNeedSoThatASteadyLoadRarelyWaits) {
  Books& books = OpenBooks();
  constexpr int kRequests = 20'000;
  for (int i = 0; i < kRequests; ++i) {
    Spend(books.ledger(), Cents(1), Money{kCent.nanodollars / 10});
    if (i % 50 == 0) {
      books.writer().Barrier();  // as fast as a disk may be; the figure is about order, not time
    }
  }
  EXPECT_LT(books.ledger().Stats().waited, kRequests / 50);
  EXPECT_EQ(TotalOf(books).cost, Cents(kRequests / 10));
}

TEST_F(LedgerTest, TheTotalBudgetBoundsAllPrincipalsTogether) {
  Ledger& ledger = OpenBooks().ledger();
  ledger.SetTotalBudget({.day = Cents(100)});
  Spend(ledger, Cents(60), Cents(60), "alice");
  EXPECT_EQ(ledger.Remaining("bob").day, Cents(40));
  const Result<Reservation> refused = Reserve(ledger, Request(Cents(41), "bob"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, kReasonBudgetTotal);
  EXPECT_TRUE(Reserve(ledger, Request(Cents(40), "bob")).ok());
}

TEST_F(LedgerTest, SumsAndBudgetsOutliveARestart) {
  ASSERT_TRUE(OpenBooks().ledger().SetBudget("alice", {.day = Cents(100)}).ok());
  Spend(books_->ledger(), Cents(70), Cents(70));
  Ledger& ledger = OpenBooks().ledger();
  EXPECT_TRUE(ledger.recovery().exact);
  EXPECT_EQ(ledger.recovery().assumed, 0);
  ASSERT_TRUE(ledger.SetBudget("alice", {.day = Cents(100)}).ok());
  ledger.SetTotalBudget({.day = Cents(1'000)});
  EXPECT_EQ(ledger.Remaining("alice").day, Cents(30));
  EXPECT_EQ(ledger.Remaining("bob").day, Cents(930));
}

TEST_F(LedgerTest, ANewUtcDayOpensANewWindowAndAClockSetBackNeverReopensTheOld) {
  Ledger& ledger = OpenBooks().ledger();
  clock_.SetWall(20'000 * kNanosPerDay + kNanosPerHour);
  ASSERT_TRUE(ledger.SetBudget("alice", {.day = Cents(100)}).ok());
  Spend(ledger, Cents(100), Cents(100));
  EXPECT_FALSE(Reserve(ledger, Request(Cents(1))).ok());
  clock_.SetWall(20'001 * kNanosPerDay + 1);
  EXPECT_EQ(ledger.Today(), 20'001);
  EXPECT_EQ(ledger.Remaining("alice").day, Cents(100));
  Spend(ledger, Cents(50), Cents(50));
  clock_.SetWall(20'000 * kNanosPerDay + 2 * kNanosPerHour);
  EXPECT_EQ(ledger.Today(), 20'001);
  EXPECT_EQ(ledger.Remaining("alice").day, Cents(50));
  Ledger& restarted = OpenBooks().ledger();
  ASSERT_TRUE(restarted.SetBudget("alice", {.day = Cents(100)}).ok());
  EXPECT_EQ(restarted.Today(), 20'001);
  EXPECT_EQ(restarted.Remaining("alice").day, Cents(50));
}

TEST_F(LedgerTest, WhatWasReservedBeforeMidnightIsPostedToItsOwnDay) {
  Books& books = OpenBooks();
  Ledger& ledger = books.ledger();
  clock_.SetWall(20'001 * kNanosPerDay - 1);
  ASSERT_TRUE(ledger.SetBudget("alice", {.day = Cents(100)}).ok());
  Result<Reservation> old = Reserve(ledger, Request(Cents(80)));
  ASSERT_TRUE(old.ok());
  ledger.MarkDispatched(*old);
  clock_.SetWall(20'001 * kNanosPerDay + 1);
  Spend(ledger, Cents(100), Cents(30));
  ledger.Settle(std::move(*old), {.actual = Cents(75), .usage = {}});
  EXPECT_EQ(ledger.Remaining("alice").day, Cents(70));
  Result<BookReader> reader = books.OpenReader();
  ASSERT_TRUE(reader.ok());
  const auto rows =
      reader->Spend({.first_day = 20'000, .last_day = 20'000, .principal = "", .by_day = true});
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().cost, Cents(75));
}

TEST_F(LedgerTest, AfterAKillWhatWasDispatchedIsAssumedWhatWasNotIsVoidedAndTheRoomComesBack) {
  Ledger& ledger = OpenBooks().ledger();
  Spend(ledger, Cents(20), Cents(5));
  Result<Reservation> reserved = Reserve(ledger, Request(Cents(30)));
  Result<Reservation> dispatched = Reserve(ledger, Request(Cents(40)));
  ASSERT_TRUE(reserved.ok() && dispatched.ok());
  ledger.MarkDispatched(*dispatched);
  const std::unique_ptr<Books> after = OpenAsAfterCrash("boot-1");
  const RecoveryReport& report = after->ledger().recovery();
  EXPECT_TRUE(report.exact) << report.why_not_exact;
  EXPECT_EQ(report.voided, 1);
  EXPECT_EQ(report.assumed, 1);
  EXPECT_EQ(report.assumed_cost, Cents(40));
  const SpendRow total = TotalOf(*after);
  EXPECT_EQ(total.cost, Cents(45));
  EXPECT_EQ(total.assumed, Cents(40));
}

TEST_F(LedgerTest, ASettlementThatWasNotCommittedYetIsExactAfterAKill) {
  Books& books = OpenBooks();
  Spend(books.ledger(), Cents(20), Cents(5));
  books.writer().Barrier();
  disk_.SetScript([](store::DiskOperation) { return store::DiskFault::kIo; });
  for (int i = 0; i < 3; ++i) Spend(books.ledger(), Cents(1), Money{kCent.nanodollars / 4});
  books.writer().Barrier();
  EXPECT_TRUE(books.ledger().Stats().failing);
  EXPECT_EQ(books.ledger().Stats().in_flight, 3);
  {
    disk_.SetScript({});
    const std::unique_ptr<Books> after = OpenAsAfterCrash("boot-1");
    EXPECT_TRUE(after->ledger().recovery().exact);
    EXPECT_EQ(after->ledger().recovery().assumed, 0);
    EXPECT_EQ(TotalOf(*after).cost.nanodollars,
              5 * kCent.nanodollars + 3 * (kCent.nanodollars / 4));
    EXPECT_EQ(TotalOf(*after).dispatches, 4);
  }
}

TEST_F(LedgerTest, AfterAPowerLossTheWholeRoomIsAssumedAndNeverMoreThanTheBudget) {
  Books& books = OpenBooks();
  ASSERT_TRUE(books.ledger().SetBudget("alice", {.day = Cents(100)}).ok());
  Spend(books.ledger(), Cents(10), Cents(5));
  books.writer().Barrier();
  const std::unique_ptr<Books> after = OpenAsAfterCrash("boot-2");
  EXPECT_FALSE(after->ledger().recovery().exact);
  const SpendRow total = TotalOf(*after);
  EXPECT_GE(total.cost, Cents(5));
  EXPECT_LE(total.cost, Cents(100));
  EXPECT_EQ(total.cost - total.assumed, Cents(5));
  EXPECT_EQ(total.assumed, after->ledger().recovery().assumed_cost);
}

TEST_F(LedgerTest, AnOverrunDoesNotUncoverWhatElseIsInFlightAtAPowerLoss) {
  Books& books = OpenBooks();
  Result<Reservation> other = Reserve(books.ledger(), Request(Cents(90)));
  ASSERT_TRUE(other.ok());
  books.ledger().MarkDispatched(*other);
  Spend(books.ledger(), Cents(10), Cents(100'000));
  books.writer().Barrier();
  const std::unique_ptr<Books> after = OpenAsAfterCrash("boot-2");
  EXPECT_GE(TotalOf(*after).cost, Cents(100'090));
}

TEST_F(LedgerTest, ACleanEndLeavesNoRoomOnAnyDay) {
  Ledger& ledger = OpenBooks().ledger();
  clock_.SetWall(20'001 * kNanosPerDay - 1);
  Spend(ledger, Cents(10), Cents(1));
  Result<Reservation> undispatched = Reserve(ledger, Request(Cents(10)));
  ASSERT_TRUE(undispatched.ok());
  clock_.SetWall(20'001 * kNanosPerDay + 1);
  Spend(ledger, Cents(10), Cents(2));
  ledger.Void(std::move(*undispatched));
  books_.reset();
  options_.ledger.boot_id = "boot-2";
  const RecoveryReport& report = OpenBooks().ledger().recovery();
  EXPECT_FALSE(report.exact);
  EXPECT_EQ(report.assumed, 0);
  EXPECT_EQ(TotalOf(*books_).cost, Cents(3));
}

TEST_F(LedgerTest, ATableThatIsDamagedAbsentOrOfAnotherRunCountsAsPowerLoss) {
  Ledger& ledger = OpenBooks().ledger();
  Result<Reservation> dispatched = Reserve(ledger, Request(Cents(40)));
  ASSERT_TRUE(dispatched.ok());
  ledger.MarkDispatched(*dispatched);
  std::string table;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    if (entry.path().extension() == ".inflight") table = entry.path();
  }
  ASSERT_FALSE(table.empty());
  std::ifstream file(table, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(file)), {});
  constexpr std::size_t kSlots = 4'096;
  std::vector<std::string> damaged = {"", good.substr(0, good.size() - 1), good.substr(0, 100)};
  for (const std::size_t at : {std::size_t{0}, std::size_t{8}, std::size_t{40}, std::size_t{60},
                               kSlots, kSlots + 8, kSlots + 24, kSlots + 60, kSlots + 136}) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    damaged.push_back(std::move(bytes));
  }
  for (std::size_t i = 0; i < damaged.size(); ++i) {
    std::filesystem::remove(table);  // the mapping of the running ledger keeps its own file
    std::ofstream(table, std::ios::binary) << damaged[i];
    const std::unique_ptr<Books> after = OpenAsAfterCrash("boot-1");
    EXPECT_FALSE(after->ledger().recovery().exact) << "case " << i;
    EXPECT_GE(TotalOf(*after).cost, Cents(40)) << "case " << i;
  }
  std::filesystem::remove(table);
  {
    const std::unique_ptr<Books> after = OpenAsAfterCrash("boot-1");
    EXPECT_FALSE(after->ledger().recovery().exact);
    EXPECT_GE(TotalOf(*after).cost, Cents(40));
  }
  std::ofstream(table, std::ios::binary) << good;
  const std::unique_ptr<Books> after = OpenAsAfterCrash("boot-1");
  EXPECT_TRUE(after->ledger().recovery().exact);
  EXPECT_EQ(TotalOf(*after).cost, Cents(40));
}

TEST_F(LedgerTest, WhenTheDiskIsFullPaidRequestsAreRefusedAtOnceLocalOnesRunAndSpaceHealsIt) {
  Books& books = OpenBooks();
  Ledger& ledger = books.ledger();
  ASSERT_TRUE(Reserve(ledger, Request(Cents(1), "early")).ok());
  for (const store::DiskFault fault :
       {store::DiskFault::kFull, store::DiskFault::kIo, store::DiskFault::kTornWrite}) {
    disk_.SetScript([fault](store::DiskOperation) { return fault; });
    const Result<Reservation> paid = Reserve(ledger, Request(Cents(50), "late"));
    ASSERT_FALSE(paid.ok());
    EXPECT_EQ(paid.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(paid.error().reason, kReasonLedgerUnavailable);
    EXPECT_EQ(ledger.Stats().in_flight, 0);
    std::optional<Result<Reservation>> local = ledger.TryReserve(Request(Money{}, "late"));
    ASSERT_TRUE(local.has_value() && local->ok());
    ledger.MarkDispatched(**local);
    ledger.Settle(std::move(**local), {});
    disk_.SetScript({});
    const Result<Reservation> healed = Reserve(ledger, Request(Cents(50), "late"));
    EXPECT_TRUE(healed.ok()) << Describe(healed.error());
    ledger.SetTotalBudget({});
    ASSERT_TRUE(ledger.SetBudget("late", {}).ok());
    clock_.Advance(kNanosPerDay);  // the room of today would admit the next fault's request
  }
  EXPECT_EQ(TotalOf(books, "late").dispatches, 3);
}

TEST_F(LedgerTest, WhicheverDiskOperationFailsNoSettlementIsLostOrCountedTwice) {
  Books& books = OpenBooks();
  Money expected;
  for (int fail_at = 0; fail_at < 40; ++fail_at) {
    std::atomic<int> operation{0};
    disk_.SetScript([&](store::DiskOperation) {
      return operation++ == fail_at ? store::DiskFault::kIo : store::DiskFault::kNone;
    });
    for (int i = 0; i < 4; ++i) {
      Result<Reservation> reservation = Reserve(books.ledger(), Request(Cents(30)));
      if (!reservation.ok()) continue;
      books.ledger().MarkDispatched(*reservation);
      books.ledger().Settle(std::move(*reservation), {.actual = Cents(7), .usage = {}});
      expected += Cents(7);
    }
    books.writer().Barrier();
    disk_.SetScript({});
    books.writer().Barrier();
  }
  ASSERT_GT(expected, Cents(7 * 100));
  EXPECT_EQ(TotalOf(books).cost, expected);
  OpenBooks();
  EXPECT_EQ(TotalOf(*books_).cost, expected);
}

TEST_F(LedgerTest, AFullTableRefusesPaidRequestsAndAFreedSlotAdmitsAgain) {
  options_.ledger.in_flight_max = 3;
  Ledger& ledger = OpenBooks().ledger();
  std::vector<Reservation> held;
  for (int i = 0; i < 3; ++i) held.push_back(*Reserve(ledger, Request(Cents(1))));
  const Result<Reservation> refused = Reserve(ledger, Request(Cents(1)));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, kReasonInFlightFull);
  EXPECT_TRUE(Reserve(ledger, Request(Money{})).ok());
  held.pop_back();
  EXPECT_TRUE(Reserve(ledger, Request(Cents(1))).ok());
}

TEST_F(LedgerTest, UnboundedOrNegativeWorstCasesAreRefused) {
  Ledger& ledger = OpenBooks().ledger();
  EXPECT_EQ(Reserve(ledger, Request(Money{-1})).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Reserve(ledger, Request(Money::Max())).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(LedgerTest, AbsurdUsageSaturatesAndTheLedgerGoesOn) {
  Books& books = OpenBooks();
  for (int i = 0; i < 3; ++i) {
    Result<Reservation> reservation =
        Reserve(books.ledger(), Request(Cents(1), "victim" + std::to_string(i)));
    ASSERT_TRUE(reservation.ok());
    books.ledger().MarkDispatched(*reservation);
    Settlement settlement;
    settlement.actual = i == 0 ? Money{-1} : Money::Max();
    settlement.usage.input_tokens = i == 0 ? -5 : std::numeric_limits<std::int64_t>::max();
    books.ledger().Settle(std::move(*reservation), settlement);
  }
  Spend(books.ledger(), Cents(1), Cents(1), "bob");
  EXPECT_EQ(TotalOf(books, "bob").cost, Cents(1));
  EXPECT_EQ(TotalOf(books, "victim0").cost, Cents(1));  // negative means unknown
  EXPECT_EQ(TotalOf(books, "victim0").assumed, Cents(1));
  EXPECT_EQ(TotalOf(books, "victim1").cost, Money::Max());
  EXPECT_EQ(TotalOf(books).cost, Money::Max());
  EXPECT_EQ(TotalOf(books).input_tokens, std::numeric_limits<std::int64_t>::max());
}

TEST_F(LedgerTest, ASecondProcessOnTheSameDirectoryIsRefused) {
  OpenBooks();
  const Result<std::unique_ptr<Books>> second = Open(options_, clock_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().reason, store::kReasonLocked);
}

TEST_F(LedgerTest, RandomConcurrentLifesKeepEveryBudgetAndAddUpExactly) {
  Books& books = OpenBooks();
  Ledger& ledger = books.ledger();
  constexpr int kPrincipals = 4;
  for (int p = 0; p < kPrincipals; ++p) {
    ASSERT_TRUE(ledger.SetBudget("p" + std::to_string(p), {.day = Cents(200)}).ok());
  }
  std::array<std::atomic<std::int64_t>, kPrincipals> billed{};
  std::array<std::atomic<std::int64_t>, kPrincipals> open{};
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(t);
        for (int i = 0; i < 400; ++i) {
          const std::size_t p = random() % kPrincipals;
          const Money worst{static_cast<std::int64_t>(1 + random() % 30'000'000)};
          Result<Reservation> reservation =
              Reserve(ledger, Request(worst, "p" + std::to_string(p)));
          if (!reservation.ok()) continue;
          // Counted as billed before it stops to count as open, so that the sum is never too small.
          EXPECT_LE(open[p] += worst.nanodollars, Cents(200).nanodollars);
          if (random() % 8 == 0) {
            open[p] -= worst.nanodollars;
            ledger.Void(std::move(*reservation));
            continue;
          }
          ledger.MarkDispatched(*reservation);
          const Money actual{
              static_cast<std::int64_t>(random() % static_cast<unsigned>(worst.nanodollars + 1))};
          billed[p] += actual.nanodollars;
          open[p] -= worst.nanodollars;
          ledger.Settle(std::move(*reservation), {.actual = actual, .usage = {}});
        }
      });
    }
  }
  for (std::size_t p = 0; p < kPrincipals; ++p) {
    const std::string principal = "p" + std::to_string(p);
    EXPECT_LE(billed[p], Cents(200).nanodollars);
    EXPECT_EQ(TotalOf(books, principal).cost.nanodollars, billed[p]);
    EXPECT_EQ(ledger.Remaining(principal).day, Cents(200) - Money{billed[p]});
  }
  EXPECT_EQ(ledger.Stats().in_flight, 0);
}

}  // namespace
}  // namespace tidegate::ledger
