#include "models/pushes.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/ascii.h"
#include "net/async.h"
#include "net/http_head.h"

namespace tidegate::models {

// What is pushed, as long as it is.
struct Pushes::Loaded {
  std::string manifest;
  std::string media_type;  // of the manifest
  std::vector<RemotePiece> pieces;
  Pin pin;
};

Pushes::Pushes(net::Shard& shard, ModelStore& store, PushOptions options)
    : shard_(shard),
      store_(store),
      options_(std::move(options)),
      bandwidth_(options_.bytes_per_second),
      tools_{shard, worker_, store.blobs(), bandwidth_, options_.upload},
      group_(shard.io()),
      models_(group_) {}

void Pushes::Stop() { net::SpawnFuture(shard_.io(), Close()).wait(); }

net::Task<void> Pushes::Close() {
  group_.Close();
  models_.CancelAll();
  co_await group_.Wait();
  clients_.clear();
}

Result<RegistryClient*> Pushes::ClientFor(const ModelName& name) {
  const std::string host = ToLower(name.host);
  const auto used = std::find_if(clients_.begin(), clients_.end(),
                                 [&](const auto& client) { return client->config().host == host; });
  if (used != clients_.end()) return used->get();
  const auto config = std::find_if(options_.registries.begin(), options_.registries.end(),
                                   [&](const RegistryConfig& one) { return one.host == host; });
  if (config == options_.registries.end()) {
    Error error{ErrorCode::kPermissionDenied, ErrorSource::kCaller, Retry::kNever,
                "models are pushed to the registries of models.push_registries only, and " +
                    name.host + " is none of them",
                "model"};
    error.reason = "registry_not_configured";
    return error;
  }
  clients_.push_back(std::make_unique<RegistryClient>(shard_, *config, options_.client));
  return clients_.back().get();
}

net::Task<Result<void>> Pushes::Push(ModelName name, net::CancelToken& cancel,
                                     PullListener listener) {
  const Result<RegistryClient*> client = ClientFor(name);
  if (!client.ok()) co_return client.error();
  if (models_.size() >= kPushesMax) {
    Error error{ErrorCode::kRateLimited, ErrorSource::kGateway, Retry::kSameTarget,
                "too many models are being pushed; wait for one of them"};
    error.reason = "busy";
    co_return error;
  }
  std::string key = name.Full();
  PullWorks<std::string>::Start start = [this, &registry = **client, name](PullWork& work) {
    return PushModel(work, registry, name);
  };
  PullWorks<std::string>::Outcome outcome =
      co_await models_.Run(std::move(key), cancel, std::move(listener), std::move(start));
  co_return std::move(outcome.result);
}

Result<std::shared_ptr<const Pushes::Loaded>> Pushes::Load(const ModelName& name) const {
  const auto model = std::make_shared<Loaded>();
  TIDEGATE_ASSIGN(model->manifest, store_.ManifestBytes(name));
  TIDEGATE_ASSIGN(const auto parsed, ParseManifest(model->manifest));
  if (!std::holds_alternative<Manifest>(parsed)) {
    return InvalidArgument("model", "'" + name.Short() +
                                        "' is a list of forms for several programs; copy it under "
                                        "another name, and push that one");
  }
  model->media_type = MediaTypeOf(model->manifest);
  TIDEGATE_ASSIGN(model->pieces, ParseManifestPieces(model->manifest));
  if (model->pieces.size() > kPinnedBlobsMax) {
    return InvalidArgument("model", "'" + name.Short() + "' has more than " +
                                        std::to_string(kPinnedBlobsMax) +
                                        " files and cannot be pushed by this program");
  }
  std::vector<Digest> digests;
  for (const RemotePiece& piece : model->pieces) digests.push_back(piece.digest);
  TIDEGATE_ASSIGN(model->pin, store_.PinBlobs(digests));
  return std::shared_ptr<const Loaded>(model);
}

net::Task<Result<void>> Pushes::PushModel(PullWork& work, RegistryClient& client, ModelName name) {
  work.Tell({"retrieving manifest", {}, 0, 0});
  using Model = std::shared_ptr<const Loaded>;
  std::function<Result<Model>()> load = [this, &name] { return Load(name); };
  const Result<Model> model = co_await worker_.Run<Model>(shard_, std::move(load));
  if (!model.ok()) co_return model.error();
  const auto access = std::make_shared<RegistryAccess>(client);
  for (const RemotePiece& piece : (*model)->pieces) {
    UploadRequest request{access, name, piece};
    Result<void> pushed = co_await PushPiece(work, std::move(request));
    if (!pushed.ok()) co_return pushed;
  }
  work.Tell({"pushing manifest", {}, 0, 0});
  Retries retries(options_.upload.retry);
  while (true) {
    Result<void> put = co_await PutManifest(work, *access, name, **model);
    if (put.ok()) break;
    const bool again = co_await retries.Again(shard_, work.cancel(), put.error());
    if (work.cancel().cancelled()) co_return work.cancel().MakeError();
    if (!again) co_return put;
  }
  work.Tell({"success", {}, 0, 0});
  co_return Result<void>();
}

net::Task<Result<void>> Pushes::PushPiece(PullWork& work, UploadRequest request) {
  const Digest digest = request.piece.digest;
  UploadProgress progress = TellOf(work, "pushing " + digest.Short(), digest);
  co_return co_await Upload(tools_, std::move(request), work.cancel(), std::move(progress));
}

net::Task<Result<void>> Pushes::PutManifest(PullWork& work, RegistryAccess& access, ModelName name,
                                            const Loaded& model) {
  const auto whole = [](std::string_view bytes) -> net::Task<Result<std::string_view>> {
    co_return bytes;
  };
  RegistryRequest request{"PUT", ManifestTarget(access.config().origin, name), "", {}};
  net::AppendField(request.fields, "content-type", model.media_type);
  request.body = {model.manifest.size(), [&whole, bytes = std::string_view(model.manifest)](
                                             std::uint64_t at) { return whole(bytes.substr(at)); }};
  Result<RegistryAnswer> answer = co_await access.Send(work.cancel(), std::move(request));
  if (!answer.ok()) co_return std::move(answer).error();
  const Result<std::string> said =
      co_await RegistryClient::ReadBody(work.cancel(), *answer, kErrorBodyBytesMax);
  if (answer->status / 100 != 2) {
    co_return RegistryError(*answer, "model " + name.Short(), said.ok() ? *said : std::string());
  }
  co_return CheckContentDigest(*answer, Digest(ComputeSha256(model.manifest)));
}

}  // namespace tidegate::models
