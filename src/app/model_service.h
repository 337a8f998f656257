// What is done to the models of this machine when a caller asks for it: the library, the pulls that
// fill it, the pushes that send of it, what clears up behind them, and the threads on which all
// run.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "admin/model_api.h"
#include "base/result.h"
#include "models/library.h"
#include "models/pulls.h"
#include "models/pushes.h"
#include "net/async.h"
#include "net/limits.h"
#include "net/shard.h"
#include "net/task_group.h"
#include "net/worker.h"

namespace tidegate::app {

inline constexpr std::int64_t kWatchNanos = 2 * net::kSecond;
// Between two looks at all of the store for what nobody needs.
inline constexpr std::int64_t kCollectNanos = 600 * net::kSecond;
// The same where nothing has gone: what was too new to be cleared away becomes old.
inline constexpr std::int64_t kCollectUnaskedNanos = 24 * 3'600 * net::kSecond;

// More of them would only share the same disk; the others wait for one to end.
inline constexpr std::size_t kCopiesAtOnce = 4;

struct ModelServiceOptions {
  models::LibraryOptions library;
  models::PullOptions pulls;
  models::PushOptions pushes;
};

// REQUIRES: Stop before it is destroyed, from a thread that is no shard and while the shard runs.
class ModelService {
 public:
  ModelService(net::Shard& shard, ModelServiceOptions options);

  models::Library& library() { return library_; }
  // What the API calls; lives as long as this.
  admin::ModelWork Work();
  // From now on what others change is noticed, and what nobody needs is cleared away.
  void StartWatching();
  // Ends what is under way.
  void Stop();

 private:
  using Sink = std::shared_ptr<models::ProgressSink>;
  // A file at a URL takes no name from a model that came from elsewhere.
  models::PullOptions WithSources(models::PullOptions options);
  std::function<void()> StartPull(models::PullRequest request, models::ProgressSink sink);
  std::function<void()> StartPush(models::ModelName name, models::ProgressSink sink);
  std::function<void()> StartCreate(models::CreateSpec spec, models::ProgressSink sink);
  std::function<void()> StartCopy(std::string source, models::ModelName destination,
                                  models::ProgressSink sink);
  net::Task<void> Pull(models::PullRequest request, Sink sink,
                       std::shared_ptr<net::CancelToken> cancel);
  net::Task<void> Push(models::ModelName name, Sink sink, std::shared_ptr<net::CancelToken> cancel);
  // What changes the library, on a thread of its own until somebody stops it.
  using Change = std::function<Result<void>(const models::Steps&, const std::stop_token&)>;
  using StopSource = std::shared_ptr<std::stop_source>;
  net::Task<Result<void>> Run(net::Worker& worker, Change change, Sink sink, StopSource stop);
  net::Task<void> Create(models::CreateSpec spec, Sink sink, StopSource stop);
  net::Task<void> Copy(std::string source, models::ModelName destination, Sink sink,
                       StopSource stop);
  void Tell(const Sink& sink, Result<void> done) const;
  net::Task<void> Watch();
  void Look();
  Result<std::string> Remove(const std::string& name);
  void Collect();
  // Runs `task` on the shard; `sink` hears when that is not possible any more.
  void Begin(std::function<net::Task<void>()> task, Sink sink);

  net::Shard& shard_;
  models::Library library_;
  models::Pulls pulls_;
  models::Pushes pushes_;
  struct Copier {
    net::Worker worker;
    int jobs = 0;  // on the shard's thread
  };
  net::Worker maker_;
  net::Worker namer_;                          // copies that are no more than a name
  std::array<Copier, kCopiesAtOnce> copiers_;  // copies of bytes
  net::Worker keeper_;                         // looks and clears up, while models are made
  std::atomic<bool> collect_wanted_ = true;    // something went since
  std::int64_t collected_at_ = 0;              // on the keeper's thread, like the next
  std::string told_;                           // why blobs stay, as it was told last
  net::TaskGroup group_;
  std::stop_source stopping_;
};

}  // namespace tidegate::app
