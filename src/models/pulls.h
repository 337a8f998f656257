// Getting models from where others keep them.
//
// A pull is one work however many callers wait for it, and so is the download of each piece; what
// is there already is not fetched. Nothing is recorded before every piece is there and verified:
// until then there are partial files, which the next pull continues. What is there is held (Pin)
// until the name is written, so that a removal of a model that shares it takes nothing away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/blobs.h"
#include "models/digest.h"
#include "models/download.h"
#include "models/download_limit.h"
#include "models/model_name.h"
#include "models/provenance.h"
#include "models/pull_request.h"
#include "models/pull_work.h"
#include "models/registry.h"
#include "models/registry_client.h"
#include "net/cancel.h"
#include "net/shard.h"
#include "net/task_group.h"
#include "net/worker.h"

namespace tidegate::models {

inline constexpr std::size_t kPullsMax = 16;      // at once; the others are told to come back
inline constexpr std::size_t kPullPinsMax = 256;  // each is an open file

// Records a model whose pieces are all there. Called on the worker's thread; may block.
using PullSink = std::function<Result<void>(const ModelName&, std::string manifest, Provenance)>;

// Whether a name may come to mean the file at `source`. Called on the worker's thread; may block.
using SourceCheck = std::function<Result<void>(const ModelName&, const std::string& source)>;

struct PullOptions {
  // No other host is ever pulled from.
  std::vector<RegistryConfig> registries = DefaultRegistries();
  RegistryClientOptions client = {};
  DownloadOptions download = {};
  // Of files at URLs, before they are fetched and before they are recorded: the name of such a file
  // is no more than its own. Absent: every name may.
  SourceCheck may_take = nullptr;
  std::uint64_t bytes_per_second = 0;  // of all downloads together; 0 = as fast as it goes
};

// Runs on one shard. REQUIRES: Stop before it is destroyed, that before the shard, and that nobody
// waits for a pull by then.
class Pulls {
 public:
  // `blobs` outlives it.
  Pulls(net::Shard& shard, Blobs& blobs, PullOptions options, PullSink sink);
  Pulls(const Pulls&) = delete;
  Pulls& operator=(const Pulls&) = delete;

  // Waits until the model is there. Called on the thread of `home`, where `listener` is called as
  // well. Cancelling lets go of the pull, which ends if nobody else waits for it. Errors:
  // kPermissionDenied (no such registry is configured, or it refuses), kRateLimited (kPullsMax),
  // kCancelled; kProtocol with reason "digest_mismatch" for a file that is another; those of
  // FetchManifest, Download and the sink.
  net::Task<Result<void>> Pull(net::Shard& home, PullRequest request, net::CancelToken& cancel,
                               PullListener listener);
  // Ends all pulls and refuses new ones. Blocks; call from a thread that is no shard.
  void Stop();

 private:
  using Access = std::shared_ptr<RegistryAccess>;
  net::Task<Result<void>> PullHere(PullRequest request, net::CancelToken& cancel,
                                   PullListener listener);
  net::Task<Result<void>> PullModel(PullWork& work, RegistryClient& client, ModelName name);
  net::Task<Result<void>> PullFile(PullWork& work, RegistryClient& client, PullRequest request);
  net::Task<Result<void>> PullPiece(PullWork& work, Access access, DownloadTarget target,
                                    RemotePiece piece, Pin& pin);
  net::Task<Result<void>> Transfer(PullWork& transfer, Access access, DownloadTarget target,
                                   RemotePiece piece);
  net::Task<Result<bool>> Has(RemotePiece piece, Pin& pin);
  net::Task<Result<Digest>> FetchFile(PullWork& work, Access access, PullRequest request,
                                      std::uint64_t size, Pin& pin);
  net::Task<Result<void>> CheckSource(PullRequest request);
  net::Task<Result<void>> Record(PullWork& work, PullRequest request, std::string manifest,
                                 std::string url);
  Result<RegistryClient*> ClientFor(PullRequest& request);
  net::Task<void> Close();

  net::Shard& shard_;
  Blobs& blobs_;
  PullOptions options_;
  PullSink sink_;
  net::Worker worker_;
  Bandwidth bandwidth_;
  DownloadTools tools_;
  net::TaskGroup group_;
  std::vector<std::unique_ptr<RegistryClient>> clients_;  // in use, made when first needed
  PullWorks<std::string> models_;
  PullWorks<Digest> pieces_;
};

}  // namespace tidegate::models
