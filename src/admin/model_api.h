// Ollama's requests that change which models there are: /api/pull, push, create, copy, delete and
// blobs.
//
// Who may send them has been decided before (policy::Scope::kModelsWrite): whoever may ask a model
// need not be able to fill the disk, or to take the models of others away.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "admin/progress_stream.h"
#include "base/result.h"
#include "models/blobs.h"
#include "models/model_work.h"
#include "models/pull_request.h"
#include "net/async.h"
#include "net/server.h"

namespace tidegate::admin {

inline constexpr std::uint64_t kBlobBytesMax = std::uint64_t{2} << 40U;

// Who does it. All functions must be set and thread-safe.
struct ModelWork {
  // Quick: they start the work and return what ends it.
  std::function<std::function<void()>(const models::PullRequest&, models::ProgressSink)> pull;
  std::function<std::function<void()>(const models::ModelName&, models::ProgressSink)> push;
  std::function<std::function<void()>(models::CreateSpec, models::ProgressSink)> create;
  std::function<std::function<void()>(const std::string& source,
                                      const models::ModelName& destination, models::ProgressSink)>
      copy;
  // Whether a name is of something that this gate offers and no registry is meant by: there is
  // nothing to pull then. Quick; without it every name is a registry's.
  std::function<bool(std::string_view name)> is_served = {};
  // May block: called on the worker thread, one at a time.
  // Returns a warning, or nothing: the model is gone, and its files could not go along.
  std::function<Result<std::string>(const std::string& name)> remove;
  // Where blobs that are sent go. Outlives the API.
  models::Blobs* blobs = nullptr;
};

class ModelApi {
 public:
  explicit ModelApi(ModelWork work);
  ~ModelApi();
  ModelApi(const ModelApi&) = delete;
  ModelApi& operator=(const ModelApi&) = delete;

  // REQUIRES: the exchange is one of those above. Thread-safe.
  net::Task<void> Handle(net::Exchange& exchange);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::admin
