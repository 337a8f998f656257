// An fsync costs a hundred times what a request may cost, so requests share them.
//
// One thread owns the writing connection. It takes everything that is queued, runs it in one
// transaction, syncs once, and then tells each job how it ended. What is urgent (money that a
// request waits for) is committed at once; what is lazy (records of what already happened) lingers
// a tenth of a second for company. While nothing is queued the thread sleeps.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace tidegate::store {

inline constexpr std::size_t kWriteQueueJobsMax = 4'096;
// How long lazy jobs wait for company. A commit costs about 0.5 ms of CPU, most of it in the kernel
// and in encrypting pages: at 100 ms that is half a hundredth of a core under any load. Readers do
// not wait for it (Barrier).
inline constexpr int kLingerMs = 100;
inline constexpr int kRetryPauseMs = 200;  // how long lazy jobs wait after a batch failed

// A piece of a transaction. Run is called at most once and Done exactly once, on the writer's
// thread, and must not block on anything that needs the writer; TryEnqueue is allowed.
class WriteJob {
 public:
  virtual ~WriteJob() = default;
  // Inside the transaction. An error undoes this job alone, unless SQLite gave up the whole
  // transaction.
  virtual Result<void> Run(Database& database) = 0;
  // After the commit: durable, or the error that undid it. Also called, with an error, when Run was
  // never reached.
  virtual void Done(const Result<void>& result) = 0;
};

enum class Urgency : std::uint8_t { kLazy, kUrgent };

struct GroupCommitStats {
  std::int64_t commits = 0;
  std::int64_t failed_batches = 0;
  std::int64_t jobs = 0;
};

// Thread-safe. A failed commit is never tried again and trusted: its jobs get the error, and
// whoever still wants the change enqueues a new job, which writes every page again.
class GroupCommitWriter {
 public:
  // Starts the thread.
  explicit GroupCommitWriter(Database database);
  // Commits what is queued, then joins.
  ~GroupCommitWriter();
  GroupCommitWriter(const GroupCommitWriter&) = delete;
  GroupCommitWriter& operator=(const GroupCommitWriter&) = delete;

  // Never blocks on the disk. kUnavailable ("queue_full") when kWriteQueueJobsMax jobs wait; `job`
  // is then untouched.
  Result<void> TryEnqueue(Urgency urgency, std::unique_ptr<WriteJob>&& job);
  // Returns when everything enqueued before has ended, well or not. Blocks; REQUIRES: not on the
  // writer's thread.
  void Barrier();
  GroupCommitStats Stats() const;

 private:
  using Batch = std::vector<std::unique_ptr<WriteJob>>;

  void Loop();
  // Waits for a batch; false when it is time to end.
  bool NextBatch(Batch& batch);
  bool CommitBatch(Batch& batch);
  Result<void> RunJobs(Batch& batch, std::vector<Result<void>>& results);

  Database database_;  // the thread's own

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::condition_variable ended_;
  Batch queue_;
  bool urgent_ = false;    // something in the queue must not linger
  bool sleeping_ = false;  // the thread waits without a time limit
  bool stopping_ = false;
  bool failed_ = false;          // the last batch failed
  std::uint64_t enqueued_ = 0;   // jobs ever
  std::uint64_t completed_ = 0;  // jobs ever, Done returned
  GroupCommitStats stats_;

  std::thread thread_;
};

}  // namespace tidegate::store
