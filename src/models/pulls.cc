#include "models/pulls.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/clock.h"
#include "net/callback.h"
#include "net/deadline.h"
#include "net/http_head.h"

namespace tidegate::models {
namespace {

// The size of the file at `target`, which its server says when it is asked for one byte.
net::Task<Result<std::uint64_t>> AskSize(RegistryAccess& access, net::CancelToken& cancel,
                                         DownloadTarget target) {
  std::string fields;
  net::AppendField(fields, "range", "bytes=0-0");
  Result<RegistryAnswer> answer = co_await access.Get(cancel, target, fields);
  if (!answer.ok()) co_return std::move(answer).error();
  if (answer->status / 100 != 2) co_return RegistryError(*answer, target.ToString(), "");
  const std::optional<ContentRange> range = ParseContentRange(answer->content_range);
  std::optional<std::uint64_t> size = answer->content_length;
  if (answer->status == 206) size = range ? std::optional(range->total) : std::nullopt;
  if (size && *size > 0 && *size <= kLayerBytesMax) co_return *size;
  co_return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
                  target.ToString() + ": the server does not say how large the file is"};
}

}  // namespace

Pulls::Pulls(net::Shard& shard, Blobs& blobs, PullOptions options, PullSink sink)
    : shard_(shard),
      blobs_(blobs),
      options_(std::move(options)),
      sink_(std::move(sink)),
      bandwidth_(options_.bytes_per_second),
      tools_{shard, worker_, blobs, bandwidth_, options_.download},
      group_(shard.io()),
      models_(group_),
      pieces_(group_) {}

// --- From and to the callers' shards ---

net::Task<Result<void>> Pulls::Pull(net::Shard& home, PullRequest request, net::CancelToken& cancel,
                                    PullListener listener) {
  if (&home == &shard_) {
    co_return co_await PullHere(std::move(request), cancel, std::move(listener));
  }
  const auto remote = std::make_shared<net::CancelToken>();  // of our shard
  PullListener relay = [&home, &listener](const Progress& event) {
    home.Post([&listener, event] { listener(event); });  // before the result, which ends `listener`
  };
  using Done = std::function<void(Result<void>)>;
  const std::function<void(Done)> start = [&](Done done) {
    shard_.Post([this, remote, request, relay, done] {
      const auto result = std::make_shared<Result<void>>();
      const auto run = [](Pulls& pulls, PullRequest what, std::shared_ptr<net::CancelToken> token,
                          PullListener tell,
                          std::shared_ptr<Result<void>> into) -> net::Task<void> {
        *into = co_await pulls.PullHere(std::move(what), *token, std::move(tell));
      };
      net::Spawn(shard_.io(), run(*this, request, remote, relay, result),
                 [result, done](std::exception_ptr) { done(*result); });
    });
  };
  const net::CancelToken::Scope scope(cancel, [this, remote, &cancel] {
    shard_.Post([remote, why = cancel.why()] { remote->Cancel(why); });
  });
  co_return co_await net::AwaitCallback<Result<void>>(home, start);
}

void Pulls::Stop() { net::SpawnFuture(shard_.io(), Close()).wait(); }

net::Task<void> Pulls::Close() {
  group_.Close();
  models_.CancelAll();
  pieces_.CancelAll();
  co_await group_.Wait();
  clients_.clear();
}

// --- One pull ---

Result<RegistryClient*> Pulls::ClientFor(PullRequest& request) {
  const std::string host =
      ToLower(request.url ? request.url->origin.HostField() : request.name.host);
  // A URL may have the registry's own address or the name that it goes by, as hf.co does; never
  // without TLS, which a URL cannot ask for.
  const auto fits = [&](const RegistryConfig& config) {
    if (!request.url) return config.host == host;
    return config.origin == request.url->origin ||
           (config.host == host && config.origin.scheme == net::Scheme::kHttps);
  };
  const auto used = std::find_if(clients_.begin(), clients_.end(),
                                 [&](const auto& client) { return fits(client->config()); });
  if (used != clients_.end()) {
    if (request.url) request.url->origin = (*used)->config().origin;
    return used->get();
  }
  const auto config = std::find_if(options_.registries.begin(), options_.registries.end(), fits);
  if (config == options_.registries.end()) {
    return Error{ErrorCode::kPermissionDenied, ErrorSource::kCaller, Retry::kNever,
                 "models are pulled from the registries of models.registries only, and " + host +
                     " is none of them",
                 "model"};
  }
  if (request.url) request.url->origin = config->origin;
  clients_.push_back(std::make_unique<RegistryClient>(shard_, *config, options_.client));
  return clients_.back().get();
}

net::Task<Result<void>> Pulls::PullHere(PullRequest request, net::CancelToken& cancel,
                                        PullListener listener) {
  const Result<RegistryClient*> client = ClientFor(request);
  if (!client.ok()) co_return client.error();
  std::string key = request.name.Full();
  if (request.url) key += "\n" + request.url->origin.ToString() + request.url->path;
  if (request.digest) key += "\n" + request.digest->ToString();
  // Who joins a pull costs nothing.
  if (models_.size() >= kPullsMax && !models_.Has(key)) {
    Error error{ErrorCode::kRateLimited, ErrorSource::kGateway, Retry::kSameTarget,
                "too many models are being pulled; wait for one of them"};
    error.reason = "busy";
    co_return error;
  }
  PullWorks<std::string>::Start start = [this, &registry = **client,
                                         request](PullWork& work) -> net::Task<Result<void>> {
    return request.url ? PullFile(work, registry, request)
                       : PullModel(work, registry, request.name);
  };
  PullWorks<std::string>::Outcome outcome =
      co_await models_.Run(std::move(key), cancel, std::move(listener), std::move(start));
  co_return std::move(outcome.result);
}

net::Task<Result<void>> Pulls::PullModel(PullWork& work, RegistryClient& client, ModelName name) {
  work.Tell({"pulling manifest", {}, 0, 0});
  const auto access = std::make_shared<RegistryAccess>(client);
  const net::Origin& origin = client.config().origin;
  Retries retries(options_.download.retry);
  Result<std::string> manifest = std::string();
  while (true) {
    manifest = co_await FetchManifest(*access, work.cancel(), name);
    if (manifest.ok()) break;
    const bool again = co_await retries.Again(shard_, work.cancel(), manifest.error());
    if (!again) co_return std::move(manifest).error();
  }
  const Result<std::vector<RemotePiece>> pieces = ParseManifestPieces(*manifest);
  if (!pieces.ok()) co_return pieces.error();
  Pin pin;
  for (const RemotePiece& piece : *pieces) {
    Result<void> pulled =
        co_await PullPiece(work, access, BlobTarget(origin, name, piece.digest), piece, pin);
    if (!pulled.ok()) co_return pulled;
  }
  const std::string url = ManifestTarget(origin, name).ToString();
  PullRequest recorded{std::move(name), std::nullopt};
  co_return co_await Record(work, std::move(recorded), *std::move(manifest), url);
}

// A piece that is there is held from then on.
net::Task<Result<bool>> Pulls::Has(RemotePiece piece, Pin& pin) {
  std::function<Result<bool>()> look = [this, piece, &pin]() -> Result<bool> {
    if (pin.size() < kPullPinsMax) {
      const Result<void> held = blobs_.Hold(piece.digest, pin);
      if (!held.ok() && held.error().reason != "blob_missing") return held.error();
    }
    const std::optional<std::uint64_t> size = blobs_.SizeOf(piece.digest);
    if (!size || *size == piece.size) return size.has_value();
    return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
                 "the manifest says that " + piece.digest.ToString() + " has " +
                     std::to_string(piece.size) + " bytes, and here it has " +
                     std::to_string(*size) +
                     "; `tidegate verify --repair` sets it aside where it is damaged"};
  };
  co_return co_await worker_.Run<bool>(shard_, std::move(look));
}

net::Task<Result<void>> Pulls::PullPiece(PullWork& work, Access access, DownloadTarget target,
                                         RemotePiece piece, Pin& pin) {
  const std::string status = "pulling " + piece.digest.Short();
  bool pulled = false;
  while (true) {
    const Result<bool> has = co_await Has(piece, pin);
    if (!has.ok()) co_return has.error();
    if (*has) {
      if (!pulled) work.Tell({status, piece.digest, piece.size, piece.size});
      co_return Result<void>();
    }
    if (work.cancel().cancelled()) co_return work.cancel().MakeError();
    PullListener listener = [&work](const Progress& event) { work.Tell(event); };
    PullWorks<Digest>::Start start = [=, this](PullWork& transfer) {
      return Transfer(transfer, access, target, piece);
    };
    PullWorks<Digest>::Outcome outcome =
        co_await pieces_.Run(piece.digest, work.cancel(), std::move(listener), std::move(start));
    pulled = outcome.result.ok();
    // Another registry's failure is not this one's.
    const bool over = !pulled && (!outcome.joined || work.cancel().cancelled());
    if (over) co_return std::move(outcome.result);
  }
}

net::Task<Result<void>> Pulls::Transfer(PullWork& transfer, Access access, DownloadTarget target,
                                        RemotePiece piece) {
  DownloadRequest request{access, std::move(target), piece.size, piece.digest, {}};
  DownloadProgress progress = TellOf(transfer, "pulling " + piece.digest.Short(), piece.digest);
  const Result<Digest> done =
      co_await Download(tools_, std::move(request), transfer.cancel(), std::move(progress));
  if (!done.ok()) co_return done.error();
  co_return Result<void>();
}

net::Task<Result<void>> Pulls::CheckSource(PullRequest request) {
  std::function<Result<void>()> check = [this, &request]() -> Result<void> {
    if (!options_.may_take || !request.url) return {};
    return options_.may_take(request.name, request.url->ToString());
  };
  co_return co_await worker_.Run<void>(shard_, std::move(check));
}

// The file is among the blobs, and held. One whose digest is known may be there already, or on its
// way for another model.
net::Task<Result<Digest>> Pulls::FetchFile(PullWork& work, Access access, PullRequest request,
                                           std::uint64_t size, Pin& pin) {
  if (request.digest) {
    const RemotePiece piece{*request.digest, size};
    Result<void> pulled = co_await PullPiece(work, access, *request.url, piece, pin);
    if (!pulled.ok()) co_return std::move(pulled).error();
    co_return *request.digest;
  }
  DownloadRequest file{access, *request.url, size, {}, {}};
  file.check = [](const std::string& path) -> Result<void> {
    TIDEGATE_TRY(CheckModelFile(path));
    return {};
  };
  DownloadProgress progress = TellOf(work, "pulling " + request.name.model, {});
  co_return co_await Download(tools_, std::move(file), work.cancel(), std::move(progress));
}

net::Task<Result<void>> Pulls::PullFile(PullWork& work, RegistryClient& client,
                                        PullRequest request) {
  Result<void> may = co_await CheckSource(request);
  if (!may.ok()) co_return may;
  const auto access = std::make_shared<RegistryAccess>(client);
  Retries retries(options_.download.retry);
  Result<std::uint64_t> size = std::uint64_t{0};
  while (true) {
    size = co_await AskSize(*access, work.cancel(), *request.url);
    if (size.ok()) break;
    const bool again = co_await retries.Again(shard_, work.cancel(), size.error());
    if (!again) co_return std::move(size).error();
  }
  Pin pin;
  const Result<Digest> digest = co_await FetchFile(work, access, request, *size, pin);
  if (!digest.ok()) co_return digest.error();
  std::function<Result<std::string>()> make = [this, &digest, &size,
                                               &pin]() -> Result<std::string> {
    TIDEGATE_TRY(blobs_.Hold(*digest, pin));
    TIDEGATE_ASSIGN(const GgufMetadata metadata, CheckModelFile(blobs_.PathOf(*digest)));
    return MakeFileManifest(blobs_, *digest, *size, metadata);
  };
  Result<std::string> manifest = co_await worker_.Run<std::string>(shard_, std::move(make));
  if (!manifest.ok()) co_return std::move(manifest).error();
  const std::string url = request.url->ToString();
  co_return co_await Record(work, std::move(request), *std::move(manifest), url);
}

// Every piece has been verified as it came.
net::Task<Result<void>> Pulls::Record(PullWork& work, PullRequest request, std::string manifest,
                                      std::string url) {
  work.Tell({"verifying sha256 digest", {}, 0, 0});
  if (work.cancel().cancelled()) co_return work.cancel().MakeError();
  Result<void> may = co_await CheckSource(request);
  if (!may.ok()) co_return may;
  work.Tell({"writing manifest", {}, 0, 0});
  const Provenance provenance{.source = std::move(url),
                              .manifest = Digest(ComputeSha256(manifest)),
                              .time_s = SystemClock().WallNanos() / net::kSecond};
  std::function<Result<void>()> record = [&] { return sink_(request.name, manifest, provenance); };
  Result<void> recorded = co_await worker_.Run<void>(shard_, std::move(record));
  if (!recorded.ok()) co_return recorded;
  work.Tell({"success", {}, 0, 0});
  co_return Result<void>();
}

}  // namespace tidegate::models
