// Work that blocks (reading the books, writing and hashing what is downloaded) leaves the shard's
// thread for one of its own, and comes back to the shard.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "base/result.h"
#include "net/async.h"
#include "net/callback.h"
#include "net/shard.h"

namespace tidegate::net {

inline constexpr std::size_t kWorkerJobsMax = 128;  // running and waiting

// One thread, started by the first job. Run may be called on any shard. REQUIRES: destroyed before
// the shards; that waits for the jobs that were accepted.
class Worker {
 public:
  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // What `job` returns, on the thread of `shard` again, which is the caller's. Errors: kUnavailable
  // with reason "busy" when kWorkerJobsMax jobs are there already; else those of the job.
  template <typename T>
  Task<Result<T>> Run(Shard& shard, std::function<Result<T>()> job) {
    using Done = std::function<void(Result<T>)>;
    const std::function<void(Done)> start = [this, &job](Done done) {
      auto work = [job, done] { done(job()); };
      if (!Post(std::move(work))) done(Busy());
    };
    co_return co_await AwaitCallback<Result<T>>(shard, start);
  }

 private:
  struct Thread;
  static Error Busy();
  bool Post(std::function<void()> work);  // false = too many

  std::atomic<std::size_t> jobs_{0};
  std::once_flag started_;
  std::unique_ptr<Thread> thread_;
};

}  // namespace tidegate::net
