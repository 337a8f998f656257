#include "store/group_commit_writer.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <string>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "store/errors.h"
#include "store/faulty_disk.h"

namespace tidegate::store {
namespace {

class Job : public WriteJob {
 public:
  Job(std::function<Result<void>(Database&)> run, std::function<void(const Result<void>&)> done)
      : run_(std::move(run)), done_(std::move(done)) {}
  Result<void> Run(Database& database) override { return run_(database); }
  void Done(const Result<void>& result) override { done_(result); }

 private:
  std::function<Result<void>(Database&)> run_;
  std::function<void(const Result<void>&)> done_;
};

class GroupCommitWriterTest : public testing::Test {
 protected:
  GroupCommitWriterTest()
      : directory_(testing::TempDir() + "tidegate-writer-" + RandomHex(8)),
        disk_("writer-" + RandomHex(4)) {
    std::filesystem::create_directory(directory_);
    Database database = Open();
    EXPECT_TRUE(database.Execute("CREATE TABLE IF NOT EXISTS t(a INTEGER NOT NULL) STRICT").ok());
    writer_ = std::make_unique<GroupCommitWriter>(std::move(database));
  }
  ~GroupCommitWriterTest() override {
    writer_.reset();
    std::filesystem::remove_all(directory_);
  }

  Database Open() {
    DatabaseOptions options;
    options.path = directory_ + "/test.db";
    options.key = Secret(std::string(kKeyBytes, 'k'));
    options.vfs = disk_.name();
    Result<Database> database = Database::Open(options);
    EXPECT_TRUE(database.ok()) << Describe(database.error());
    return std::move(database).value();
  }
  std::int64_t Count() { return Open().QueryInt("SELECT count(*) FROM t").value(); }

  Result<void> Enqueue(Urgency urgency, const char* sql,
                       std::function<void(const Result<void>&)> done) {
    return writer_->TryEnqueue(
        urgency,
        std::make_unique<Job>([sql](Database& d) { return d.Execute(sql); }, std::move(done)));
  }
  // Keeps the writer's thread busy until the returned promise is set.
  std::shared_ptr<std::promise<void>> Block() {
    auto entered = std::make_shared<std::promise<void>>();
    auto release = std::make_shared<std::promise<void>>();
    auto job = std::make_unique<Job>(
        [entered, release](Database&) {
          entered->set_value();
          release->get_future().wait();
          return Result<void>();
        },
        [](const Result<void>&) {});
    EXPECT_TRUE(writer_->TryEnqueue(Urgency::kUrgent, std::move(job)).ok());
    entered->get_future().wait();
    return release;
  }

  const std::string directory_;
  FaultyDisk disk_;
  std::unique_ptr<GroupCommitWriter> writer_;
};

constexpr const char* kInsert = "INSERT INTO t VALUES (1)";

TEST_F(GroupCommitWriterTest, DoneIsCalledOnceAndOnlyWhenTheRowIsCommitted) {
  std::promise<std::int64_t> seen;
  ASSERT_TRUE(Enqueue(Urgency::kUrgent, kInsert, [&](const Result<void>& result) {
                EXPECT_TRUE(result.ok());
                seen.set_value(Count());
              }).ok());
  EXPECT_EQ(seen.get_future().get(), 1);
}

TEST_F(GroupCommitWriterTest, WhatIsQueuedTogetherSharesOneCommit) {
  const auto release = Block();
  const std::int64_t before = writer_->Stats().commits;
  std::atomic<int> done{0};
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(Enqueue(i % 2 == 0 ? Urgency::kLazy : Urgency::kUrgent, kInsert,
                        [&](const Result<void>& result) {
                          if (result.ok()) ++done;
                        })
                    .ok());
  }
  release->set_value();
  writer_->Barrier();
  EXPECT_EQ(done, 500);
  EXPECT_EQ(Count(), 500);
  EXPECT_LE(writer_->Stats().commits - before, 2);  // the blocking job's own, and the shared one
}

TEST_F(GroupCommitWriterTest, ABarrierDoesNotWaitForTheLingerAndCoversWhatWasBeforeIt) {
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Enqueue(Urgency::kLazy, kInsert, [&](const Result<void>&) { ++done; }).ok());
    writer_->Barrier();
    ASSERT_EQ(done, i + 1);
  }
  EXPECT_EQ(Count(), 100);
}

TEST_F(GroupCommitWriterTest, AJobThatFailsIsUndoneAloneAndTheOthersCommit) {
  const auto release = Block();
  std::atomic<int> well{0};
  std::atomic<int> failed{0};
  const auto count = [&](const Result<void>& result) { ++(result.ok() ? well : failed); };
  ASSERT_TRUE(Enqueue(Urgency::kUrgent, kInsert, count).ok());
  ASSERT_TRUE(
      Enqueue(Urgency::kUrgent, "INSERT INTO t VALUES (2); INSERT INTO t VALUES (NULL)", count)
          .ok());
  ASSERT_TRUE(Enqueue(Urgency::kUrgent, kInsert, count).ok());
  release->set_value();
  writer_->Barrier();
  EXPECT_EQ(well, 2);
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(Open().QueryInt("SELECT count(*) FROM t WHERE a = 1").value(), 2);
  EXPECT_EQ(Count(), 2);
}

TEST_F(GroupCommitWriterTest, AFailedSyncFailsTheWholeBatchAndTheNextOneSucceeds) {
  for (const DiskOperation operation : {DiskOperation::kSync, DiskOperation::kWrite}) {
    const std::int64_t rows = Count();
    const auto release = Block();
    std::atomic<int> refused{0};
    const auto count = [&](const Result<void>& result) {
      if (!result.ok() &&
          (result.error().reason == kReasonIoError || result.error().reason == kReasonDiskFull)) {
        ++refused;
      }
    };
    ASSERT_TRUE(Enqueue(Urgency::kUrgent, kInsert, count).ok());
    ASSERT_TRUE(Enqueue(Urgency::kUrgent, kInsert, count).ok());
    disk_.SetScript([operation](DiskOperation now) {
      return now == operation ? DiskFault::kIo : DiskFault::kNone;
    });
    release->set_value();
    writer_->Barrier();
    disk_.SetScript({});
    EXPECT_EQ(refused, 2);
    EXPECT_EQ(Count(), rows);
    std::atomic<int> well{0};
    ASSERT_TRUE(Enqueue(Urgency::kUrgent, kInsert, [&](const Result<void>& r) {
                  well += r.ok() ? 1 : 0;
                }).ok());
    writer_->Barrier();
    EXPECT_EQ(well, 1);
    EXPECT_EQ(Count(), rows + 1);
  }
}

TEST_F(GroupCommitWriterTest, AFullQueueRefusesWithoutBlockingAndKeepsTheJob) {
  const auto release = Block();
  std::atomic<std::size_t> done{0};
  for (std::size_t i = 0; i < kWriteQueueJobsMax; ++i) {
    ASSERT_TRUE(Enqueue(Urgency::kLazy, "SELECT 1", [&](const Result<void>&) { ++done; }).ok());
  }
  std::unique_ptr<WriteJob> job = std::make_unique<Job>([](Database&) { return Result<void>(); },
                                                        [&](const Result<void>&) { ++done; });
  const Result<void> refused = writer_->TryEnqueue(Urgency::kUrgent, std::move(job));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().reason, kReasonQueueFull);
  EXPECT_NE(job, nullptr);
  release->set_value();
  writer_->Barrier();
  EXPECT_EQ(done, kWriteQueueJobsMax);
}

TEST_F(GroupCommitWriterTest, AJobMayEnqueueAnotherWhenItIsDone) {
  std::promise<void> second;
  ASSERT_TRUE(Enqueue(Urgency::kUrgent, kInsert, [&](const Result<void>&) {
                EXPECT_TRUE(Enqueue(Urgency::kUrgent, kInsert, [&](const Result<void>& result) {
                              EXPECT_TRUE(result.ok());
                              second.set_value();
                            }).ok());
              }).ok());
  second.get_future().wait();
  EXPECT_EQ(Count(), 2);
}

TEST_F(GroupCommitWriterTest, TheEndCommitsWhatIsStillQueued) {
  std::atomic<int> done{0};
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(Enqueue(Urgency::kLazy, kInsert, [&](const Result<void>& r) {
                  done += r.ok() ? 1 : 0;
                }).ok());
  }
  writer_.reset();
  EXPECT_EQ(done, 50);
  EXPECT_EQ(Count(), 50);
}

}  // namespace
}  // namespace tidegate::store
