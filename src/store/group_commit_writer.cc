#include "store/group_commit_writer.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/check.h"
#include "store/errors.h"

namespace tidegate::store {

GroupCommitWriter::GroupCommitWriter(Database database)
    : database_(std::move(database)), thread_([this] { Loop(); }) {}

GroupCommitWriter::~GroupCommitWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Result<void> GroupCommitWriter::TryEnqueue(Urgency urgency, std::unique_ptr<WriteJob>&& job) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= kWriteQueueJobsMax) {
      Error error =
          Unavailable(ErrorSource::kGateway,
                      stopping_ ? "the store is closing" : "the store is behind: try again later");
      error.reason = kReasonQueueFull;
      return error;
    }
    queue_.push_back(std::move(job));
    ++enqueued_;
    const bool first_urgent = urgency == Urgency::kUrgent && !urgent_;
    urgent_ = urgent_ || urgency == Urgency::kUrgent;
    wake = sleeping_ || first_urgent;
    sleeping_ = false;
  }
  if (wake) wake_.notify_one();
  return {};
}

void GroupCommitWriter::Barrier() {
  CHECK(std::this_thread::get_id() != thread_.get_id());
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = enqueued_;
  if (completed_ >= mine) return;
  urgent_ = urgent_ || !queue_.empty();
  wake_.notify_one();
  ended_.wait(lock, [&] { return completed_ >= mine; });
}

GroupCommitStats GroupCommitWriter::Stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void GroupCommitWriter::Loop() {
  Batch batch;
  while (NextBatch(batch)) {
    const bool committed = CommitBatch(batch);
    const std::size_t count = batch.size();
    batch.clear();
    {
      const std::lock_guard lock(mutex_);
      failed_ = !committed;
      completed_ += count;
      stats_.jobs += static_cast<std::int64_t>(count);
      ++(committed ? stats_.commits : stats_.failed_batches);
    }
    ended_.notify_all();
  }
}

bool GroupCommitWriter::NextBatch(Batch& batch) {
  std::unique_lock lock(mutex_);
  sleeping_ = queue_.empty() && !stopping_;
  wake_.wait(lock, [&] { return !queue_.empty() || stopping_; });
  sleeping_ = false;
  if (queue_.empty()) return false;
  const auto pause = std::chrono::milliseconds(failed_ ? kRetryPauseMs : kLingerMs);
  wake_.wait_for(lock, pause,
                 [&] { return urgent_ || stopping_ || queue_.size() > kWriteQueueJobsMax / 2; });
  batch.swap(queue_);
  urgent_ = false;
  return true;
}

bool GroupCommitWriter::CommitBatch(Batch& batch) {
  std::vector<Result<void>> results(batch.size());
  const Result<void> committed = RunJobs(batch, results);
  bool all_well = committed.ok();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (committed.ok()) {
      all_well = all_well && results[i].ok();
      batch[i]->Done(results[i]);
    } else {
      batch[i]->Done(committed);
    }
  }
  return all_well;
}

Result<void> GroupCommitWriter::RunJobs(Batch& batch, std::vector<Result<void>>& results) {
  TIDEGATE_ASSIGN(Transaction transaction, Transaction::Begin(database_));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    TIDEGATE_TRY(database_.Execute("SAVEPOINT job"));
    results[i] = batch[i]->Run(database_);
    if (!database_
             .InTransaction()) {  // SQLite gave up everything: disk full, I/O error, out of memory
      return results[i].ok() ? Internal("a job ended the writer's transaction")
                             : results[i].error();
    }
    TIDEGATE_TRY(
        database_.Execute(results[i].ok() ? "RELEASE job" : "ROLLBACK TO job; RELEASE job"));
  }
  return transaction.Commit();
}

}  // namespace tidegate::store
