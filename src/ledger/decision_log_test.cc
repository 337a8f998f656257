#include "ledger/decision_log.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "ledger/books_fixture.h"
#include "ledger/segment.h"

namespace tidegate::ledger {
namespace {

constexpr std::int64_t kNanosPerDay = 86'400'000'000'000;

class DecisionLogTest : public BooksFixture {
 protected:
  core::DecisionRecord Record(std::uint64_t n, const std::string& principal = "alice") const {
    core::DecisionRecord record;
    record.id = {n, n};
    record.wall_nanos = clock_.WallNanos();
    record.principal = principal;
    record.status = 200;
    return record;
  }
  BookReader Reader() {
    Result<BookReader> reader = books_->OpenReader();
    EXPECT_TRUE(reader.ok()) << Describe(reader.error());
    return std::move(reader).value();
  }
};

TEST_F(DecisionLogTest, ARecordIsFoundAsSoonAsItWasRecorded) {
  DecisionLog& log = OpenBooks().log();
  BookReader reader = Reader();
  for (std::uint64_t n = 1; n <= 20; ++n) {
    log.Record(Record(n));
    const auto found = reader.Find({n, n});
    ASSERT_TRUE(found.ok()) << Describe(found.error());
    EXPECT_EQ(found->id, (RequestId{n, n}));
  }
  EXPECT_EQ(reader.Find({21, 21}).error().code, ErrorCode::kNotFound);
}

TEST_F(DecisionLogTest, RecordsOutliveARestartAlsoWhenNothingWaitedForThem) {
  DecisionLog& log = OpenBooks().log();
  for (std::uint64_t n = 1; n <= 1'000; ++n) log.Record(Record(n));
  OpenBooks();
  BookReader reader = Reader();
  for (const std::uint64_t n : {1U, 500U, 1'000U}) EXPECT_TRUE(reader.Find({n, n}).ok());
}

TEST_F(DecisionLogTest, TheLatestComeNewestFirstAndAreFiltered) {
  DecisionLog& log = OpenBooks().log();
  for (std::uint64_t n = 1; n <= 100; ++n) {
    log.Record(Record(n, n % 10 == 0 ? "bob" : "alice"));
    if (n % 7 == 0) books_->writer().Barrier();  // several segments
  }
  BookReader reader = Reader();
  const auto latest = reader.Latest(3, "");
  ASSERT_TRUE(latest.ok());
  ASSERT_EQ(latest->size(), 3U);
  EXPECT_EQ(latest->front().id.high, 100U);
  EXPECT_EQ(latest->back().id.high, 98U);
  const auto bobs = reader.Latest(50, "bob");
  ASSERT_TRUE(bobs.ok());
  ASSERT_EQ(bobs->size(), 10U);
  EXPECT_EQ(bobs->back().id.high, 10U);
}

TEST_F(DecisionLogTest, LargeBatchesAreCompressedAndEveryRecordIsThere) {
  DecisionLog& log = OpenBooks().log();
  constexpr std::uint64_t kRecords = 20'000;
  for (std::uint64_t n = 1; n <= kRecords; ++n) {
    core::DecisionRecord record = Record(n);
    record.candidates.resize(4);
    log.Record(record);
  }
  books_->writer().Barrier();
  EXPECT_EQ(log.Stats().queued_bytes, 0U);
  EXPECT_GT(log.Stats().segments, 1);
  BookReader reader = Reader();
  const auto latest = reader.Latest(kLatestRecordsMax, "");
  ASSERT_TRUE(latest.ok());
  EXPECT_EQ(latest->size(), kLatestRecordsMax);
  for (std::uint64_t n = 1; n <= kRecords; n += 997) EXPECT_TRUE(reader.Find({n, n}).ok()) << n;
}

TEST_F(DecisionLogTest, RecordsOlderThanTheRetentionGoAFewWithEachCommit) {
  options_.log.retention_days = 7;
  DecisionLog& log = OpenBooks().log();
  constexpr std::uint64_t kOld = 3 * kPruneSegmentsPerCommit;
  for (std::uint64_t n = 1; n <= kOld; ++n) {
    log.Record(Record(n));
    books_->writer().Barrier();
  }
  clock_.Advance(8 * kNanosPerDay);
  for (std::uint64_t n = 1'001; n <= 1'005; ++n) {
    log.Record(Record(n));
    books_->writer().Barrier();
  }
  const auto latest = Reader().Latest(1'000, "");
  ASSERT_TRUE(latest.ok());
  EXPECT_EQ(latest->size(), 5U);
}

TEST_F(DecisionLogTest, WhileTheDiskFailsRecordsWaitAndArriveOnceWhenItHeals) {
  DecisionLog& log = OpenBooks().log();
  disk_.SetScript([](store::DiskOperation) { return store::DiskFault::kFull; });
  for (std::uint64_t n = 1; n <= 10; ++n) log.Record(Record(n));
  books_->writer().Barrier();
  EXPECT_GT(log.Stats().queued_bytes, 0U);
  EXPECT_TRUE(log.Admits(false));
  disk_.SetScript({});
  log.Record(Record(11));
  books_->writer().Barrier();
  EXPECT_EQ(log.Stats().queued_bytes, 0U);
  const auto latest = Reader().Latest(100, "");
  ASSERT_TRUE(latest.ok());
  EXPECT_EQ(latest->size(), 11U);
}

TEST_F(DecisionLogTest, AFullQueueAdmitsOnlyWhatStaysOnTheDeviceAndWhatIsLostIsCounted) {
  DecisionLog& log = OpenBooks().log();
  disk_.SetScript([](store::DiskOperation) { return store::DiskFault::kFull; });
  core::DecisionRecord big = Record(1);
  big.candidates.resize(kRecordCandidatesMax);
  std::uint64_t admitted = 0;
  while (log.Admits(false)) {
    big.id = {++admitted, 0};
    log.Record(big);
    ASSERT_LT(admitted, 1'000'000U);
  }
  books_->writer().Barrier();
  EXPECT_TRUE(log.Admits(true));
  EXPECT_GE(log.Stats().queued_bytes, kLogQueueBytesMax);
  EXPECT_EQ(log.Stats().lost, 0);
  while (log.Stats().lost < 3) {  // on the device, and free
    big.id = {++admitted, 0};
    log.Record(big);
    ASSERT_LT(admitted, 1'000'000U);
  }
  EXPECT_LT(log.Stats().queued_bytes, kLogQueueBytesHardMax + (64 << 10));
  core::DecisionRecord cloud = Record(0);
  cloud.id = {0, 42};
  cloud.attempts.resize(1);
  cloud.attempts[0].egress = core::Egress::kRaw;
  cloud.attempts[0].outcome = core::AttemptOutcome::kOk;
  log.Record(cloud);  // was dispatched: is kept whatever the queue holds
  EXPECT_EQ(log.Stats().lost, 3);
  disk_.SetScript({});
  log.Record(Record(0));
  books_->writer().Barrier();
  EXPECT_TRUE(log.Admits(false));
  BookReader reader = Reader();
  EXPECT_TRUE(reader.Find({0, 42}).ok());
  EXPECT_TRUE(reader.Find({1, 0}).ok());
  const auto gaps = reader.Gaps();
  ASSERT_TRUE(gaps.ok());
  ASSERT_EQ(gaps->size(), 1U);
  EXPECT_GE(gaps->front().records, 3);
}

TEST_F(DecisionLogTest, ManyThreadsMayRecordAtOnce) {
  DecisionLog& log = OpenBooks().log();
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 1; t <= 4; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t n = 0; n < 2'000; ++n) {
          core::DecisionRecord record = Record(0);
          record.id = {t, n};
          log.Record(record);
        }
      });
    }
  }
  BookReader reader = Reader();
  for (std::uint64_t t = 1; t <= 4; ++t) {
    for (const std::uint64_t n : {0U, 999U, 1'999U}) EXPECT_TRUE(reader.Find({t, n}).ok());
  }
  EXPECT_EQ(log.Stats().records, 8'000);
}

TEST_F(DecisionLogTest, SpendIsGroupedAsAskedLargestFirst) {
  Books& books = OpenBooks();
  Spend(books.ledger(), Cents(10), Cents(1), "alice");
  Spend(books.ledger(), Cents(10), Cents(2), "bob");
  Spend(books.ledger(), Cents(10), Cents(4), "bob");
  BookReader reader = Reader();
  SpendQuery query;
  query.last_day = 1'000'000;
  query.by_principal = query.by_model = query.by_place = query.by_day = true;
  const auto rows = reader.Spend(query);
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ(rows->at(0).principal, "bob");
  EXPECT_EQ(rows->at(0).cost, Cents(6));
  EXPECT_EQ(rows->at(0).dispatches, 2);
  EXPECT_EQ(rows->at(0).input_tokens, 20);
  EXPECT_EQ(rows->at(0).model, "openai/gpt");
  EXPECT_EQ(rows->at(0).place, core::Place::kCloud);
  EXPECT_EQ(rows->at(0).day, books.ledger().Today());
  EXPECT_EQ(rows->at(1).cost, Cents(1));
  query.last_day = books.ledger().Today() - 1;
  const auto earlier = reader.Spend(query);
  ASSERT_TRUE(earlier.ok());
  EXPECT_TRUE(earlier->empty());
}

}  // namespace
}  // namespace tidegate::ledger
