// Sending models of the store to registries.
//
// A push is one work however many callers wait for it. The manifest goes last, so that a registry
// never has a name whose pieces are not all there. The pieces are held meanwhile: a model that is
// removed here while it is being pushed is pushed to its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/download_limit.h"
#include "models/model_name.h"
#include "models/model_store.h"
#include "models/pull_work.h"
#include "models/registry.h"
#include "models/registry_client.h"
#include "models/upload.h"
#include "net/cancel.h"
#include "net/shard.h"
#include "net/task_group.h"
#include "net/worker.h"

namespace tidegate::models {

inline constexpr std::size_t kPushesMax = 8;  // at once; the others are told to come back

struct PushOptions {
  // Nothing is ever pushed to another host.
  std::vector<RegistryConfig> registries = {};
  RegistryClientOptions client = {};
  UploadOptions upload = {};
  std::uint64_t bytes_per_second = 0;  // of all uploads together; 0 = as fast as it goes
};

// Runs on one shard. REQUIRES: Stop before it is destroyed, that before the shard, and that nobody
// waits for a push by then.
class Pushes {
 public:
  // `store` outlives it.
  Pushes(net::Shard& shard, ModelStore& store, PushOptions options);
  Pushes(const Pushes&) = delete;
  Pushes& operator=(const Pushes&) = delete;

  // Waits until the registry that the name names has the model. On the shard's thread. Cancelling
  // lets go of the push, which ends if nobody else waits for it. Errors: kPermissionDenied (no such
  // registry is configured, or it refuses), kNotFound, kRateLimited (kPushesMax), kCancelled; those
  // of the store and of Upload.
  net::Task<Result<void>> Push(ModelName name, net::CancelToken& cancel, PullListener listener);
  // Ends all pushes and refuses new ones. Blocks; call from a thread that is no shard.
  void Stop();

 private:
  struct Loaded;
  net::Task<Result<void>> PushModel(PullWork& work, RegistryClient& client, ModelName name);
  net::Task<Result<void>> PushPiece(PullWork& work, UploadRequest request);
  net::Task<Result<void>> PutManifest(PullWork& work, RegistryAccess& access, ModelName name,
                                      const Loaded& model);
  Result<std::shared_ptr<const Loaded>> Load(const ModelName& name) const;
  Result<RegistryClient*> ClientFor(const ModelName& name);
  net::Task<void> Close();

  net::Shard& shard_;
  ModelStore& store_;
  PushOptions options_;
  net::Worker worker_;
  Bandwidth bandwidth_;
  UploadTools tools_;
  net::TaskGroup group_;
  std::vector<std::unique_ptr<RegistryClient>> clients_;  // in use, made when first needed
  PullWorks<std::string> models_;
};

}  // namespace tidegate::models
