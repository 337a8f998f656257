// Work that many wait for: done once, told to all, ended when nobody waits any more.
//
// Two callers that pull one model share one pull, and two models that have a piece in common share
// its download. Whoever waits may leave at any time; when the last one does, the work is cancelled,
// and whoever comes meanwhile waits for its end and begins anew. One shard.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "models/digest.h"
#include "models/model_work.h"
#include "net/cancel.h"
#include "net/limits.h"
#include "net/task_group.h"
#include "net/wait_point.h"

namespace tidegate::models {

// Called on the shard; may cancel whatever it likes.
using PullListener = std::function<void(const Progress&)>;

class PullWork {
 public:
  PullWork() = default;
  PullWork(const PullWork&) = delete;
  PullWork& operator=(const PullWork&) = delete;

  // Cancelled when nobody waits any more.
  net::CancelToken& cancel() { return cancel_; }
  // Tells all who wait, and those who come later that it was the last.
  void Tell(Progress event);

 private:
  template <typename Key>
  friend class PullWorks;
  struct Waiter {
    PullListener listener;
    net::WaitPoint point;
  };
  net::Task<Result<void>> Wait(Waiter& waiter, net::CancelToken& cancel);
  void End(Result<void> result);

  net::CancelToken cancel_;
  std::vector<Waiter*> waiters_;
  std::optional<Progress> last_;
  std::optional<Result<void>> result_;
};

// Between two words on the progress of one piece.
inline constexpr std::int64_t kPullEventNanos = 60 * net::kMillisecond;
// Tells `work` how far a piece is, but not of every byte that comes or goes. Does not outlive it.
std::function<void(std::uint64_t total, std::uint64_t completed)> TellOf(
    PullWork& work, std::string status, std::optional<Digest> digest);

// The works of one kind, by what they are about. Outlives what its group runs.
template <typename Key>
class PullWorks {
 public:
  explicit PullWorks(net::TaskGroup& group) : group_(group) {}

  using Start = std::function<net::Task<Result<void>>(PullWork&)>;
  struct Outcome {
    Result<void> result;
    bool joined = false;  // somebody else had begun it
  };
  // Waits for the work about `key`, which `start` does unless it goes on already. The result's
  // errors: those of the work; kCancelled with `cancel`.
  net::Task<Outcome> Run(Key key, net::CancelToken& cancel, PullListener listener, Start start) {
    while (true) {
      const auto found = works_.find(key);
      if (found == works_.end()) break;
      const std::shared_ptr<PullWork> work = found->second;
      const bool ending = work->cancel_.cancelled();
      PullWork::Waiter waiter{ending ? PullListener() : listener, {}};
      Outcome outcome{Result<void>(), true};
      outcome.result = co_await work->Wait(waiter, cancel);
      if (!ending || cancel.cancelled()) co_return outcome;
    }
    const auto work = std::make_shared<PullWork>();
    works_.emplace(key, work);
    PullWork::Waiter waiter{std::move(listener), {}};
    work->waiters_.push_back(&waiter);  // before it begins: it hears everything
    if (!group_.Spawn(Do(work, key, std::move(start)))) {
      works_.erase(key);
      work->waiters_.clear();
      co_return Outcome{Unavailable(ErrorSource::kGateway, "this program is stopping"), false};
    }
    Outcome outcome{Result<void>(), false};
    outcome.result = co_await work->Wait(waiter, cancel);
    co_return outcome;
  }
  std::size_t size() const { return works_.size(); }
  bool Has(const Key& key) const { return works_.contains(key); }
  void CancelAll() {
    const auto works = works_;  // each may end while it is cancelled
    for (const auto& [key, work] : works) work->cancel_.Cancel(ErrorCode::kCancelled);
  }

 private:
  net::Task<void> Do(std::shared_ptr<PullWork> work, Key key, Start start) {
    Result<void> result = co_await start(*work);
    works_.erase(key);  // before anybody hears of the end and asks again
    work->End(std::move(result));
  }

  net::TaskGroup& group_;
  std::map<Key, std::shared_ptr<PullWork>> works_;
};

}  // namespace tidegate::models
