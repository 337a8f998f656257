#include "admin/model_api.h"

#include <algorithm>
#include <array>
#include <utility>

#include "admin/model_requests.h"
#include "net/worker.h"

namespace tidegate::admin {
namespace {

constexpr std::string_view kBlobPrefix = "/api/blobs/";
constexpr std::array<std::string_view, 5> kPaths = {"/api/pull", "/api/push", "/api/create",
                                                    "/api/copy", "/api/delete"};

Error Denied() {
  Error error{ErrorCode::kPermissionDenied, ErrorSource::kCaller, Retry::kNever,
              "only a key with admin rights may change which models there are; give it "
              "admin = true in the configuration"};
  error.reason = "management_scope_required";
  return error;
}

// A page in a browser may send forms to any address without asking; JSON it may not.
Result<void> RequireType(const net::HttpHead& head, std::string_view wanted) {
  const std::string_view type = head.Find("content-type").value_or(wanted);
  const std::string_view essence = net::Trim(type.substr(0, type.find(';')));
  if (net::EqualsIgnoreCase(essence, wanted)) return {};
  return InvalidArgument("Content-Type", "send the body as " + std::string(wanted));
}

}  // namespace

struct ModelApi::State {
  explicit State(ModelWork from) : work(std::move(from)) {}

  net::Task<void> Transfer(net::Exchange& exchange, bool pull);
  net::Task<void> Create(net::Exchange& exchange);
  net::Task<void> Copy(net::Exchange& exchange);
  net::Task<void> Delete(net::Exchange& exchange);
  net::Task<void> Blob(net::Exchange& exchange);
  net::Task<Result<bool>> Receive(net::Exchange& exchange, models::Digest digest);
  net::Task<Result<void>> Store(net::Exchange& exchange, models::PartialBlob& partial,
                                std::uint64_t& bytes);

  ModelWork work;
  net::Worker worker;   // names
  net::Worker writers;  // bytes
};

namespace {

// The JSON of a request, copied: the handlers below wait while it is used.
net::Task<Result<std::string>> ReadJson(net::Exchange& exchange) {
  Result<void> type = RequireType(exchange.head(), "application/json");
  if (!type.ok()) co_return std::move(type).error();
  const Result<std::string_view> body = co_await exchange.ReadBody(kModelBodyBytesMax);
  if (!body.ok()) co_return body.error();
  co_return std::string(*body);
}

net::Task<void> AnswerEmpty(net::Exchange& exchange, Result<void> done) {
  if (!done.ok()) co_return co_await AnswerModelError(exchange, done.error());
  (void)co_await exchange.Respond(200, "", "");
}

}  // namespace

net::Task<void> ModelApi::State::Transfer(net::Exchange& exchange, bool pull) {
  const Result<std::string> body = co_await ReadJson(exchange);
  if (!body.ok()) co_return co_await AnswerModelError(exchange, body.error());
  const Result<TransferRequest> request = ReadTransfer(*body);
  if (!request.ok()) co_return co_await AnswerModelError(exchange, request.error());
  StartWork start = [this, pull, model = request->model](models::ProgressSink sink) {
    return pull ? work.pull(model, std::move(sink)) : work.push(model.name, std::move(sink));
  };
  co_await AnswerWithProgress(exchange, std::move(start), request->stream);
}

net::Task<void> ModelApi::State::Create(net::Exchange& exchange) {
  const Result<std::string> body = co_await ReadJson(exchange);
  if (!body.ok()) co_return co_await AnswerModelError(exchange, body.error());
  Result<CreateRequest> request = ReadCreate(*body);
  if (!request.ok()) co_return co_await AnswerModelError(exchange, request.error());
  const bool stream = request->stream;
  StartWork start = [this, spec = std::move(request->spec)](models::ProgressSink sink) {
    return work.create(spec, std::move(sink));
  };
  co_await AnswerWithProgress(exchange, std::move(start), stream);
}

net::Task<void> ModelApi::State::Copy(net::Exchange& exchange) {
  const Result<std::string> body = co_await ReadJson(exchange);
  if (!body.ok()) co_return co_await AnswerModelError(exchange, body.error());
  const Result<CopyRequest> request = ReadCopy(*body);
  if (!request.ok()) co_return co_await AnswerModelError(exchange, request.error());
  std::function<Result<bool>()> job = [this, asked = *request]() -> Result<bool> {
    TIDEGATE_TRY(work.copy(asked.source, asked.destination));
    return true;
  };
  Result<bool> done = co_await worker.Run(exchange.shard(), std::move(job));
  Result<void> answer;
  if (!done.ok()) answer = std::move(done).error();
  co_await AnswerEmpty(exchange, std::move(answer));
}

net::Task<void> ModelApi::State::Delete(net::Exchange& exchange) {
  const Result<std::string> body = co_await ReadJson(exchange);
  if (!body.ok()) co_return co_await AnswerModelError(exchange, body.error());
  const Result<std::string> name = ReadDelete(*body);
  if (!name.ok()) co_return co_await AnswerModelError(exchange, name.error());
  std::function<Result<bool>()> job = [this, asked = *name]() -> Result<bool> {
    TIDEGATE_TRY(work.remove(asked));
    return true;
  };
  Result<bool> done = co_await worker.Run(exchange.shard(), std::move(job));
  Result<void> answer;
  if (!done.ok()) answer = std::move(done).error();
  co_await AnswerEmpty(exchange, std::move(answer));
}

net::Task<Result<void>> ModelApi::State::Store(net::Exchange& exchange,
                                               models::PartialBlob& partial, std::uint64_t& bytes) {
  while (true) {
    const Result<std::string_view> piece = co_await exchange.ReadBodyPiece();
    if (!piece.ok()) co_return piece.error();
    if (piece->empty()) co_return Result<void>();
    bytes += piece->size();
    if (bytes > kBlobBytesMax) {
      co_return Error{ErrorCode::kTooLarge, ErrorSource::kCaller, Retry::kNever,
                      "a blob is at most 2 TiB"};
    }
    // Hashing and writing are work for another thread than the one that serves connections.
    std::function<Result<bool>()> job = [&partial, view = *piece]() -> Result<bool> {
      TIDEGATE_TRY(partial.Append(view));
      return true;
    };
    Result<bool> written = co_await writers.Run(exchange.shard(), std::move(job));
    if (!written.ok()) co_return std::move(written).error();
  }
}

// False: it was there already.
net::Task<Result<bool>> ModelApi::State::Receive(net::Exchange& exchange, models::Digest digest) {
  if (work.blobs->SizeOf(digest)) {
    // Read all the same: a client that cannot send on does not look for an answer.
    while (true) {
      const Result<std::string_view> piece = co_await exchange.ReadBodyPiece();
      if (!piece.ok()) co_return piece.error();
      if (piece->empty()) co_return false;
    }
  }
  Result<models::PartialBlob> partial = work.blobs->Create();
  if (!partial.ok()) co_return std::move(partial).error();
  std::uint64_t bytes = 0;
  Result<void> stored = co_await Store(exchange, *partial, bytes);
  if (!stored.ok()) {
    std::move(*partial).Discard();
    co_return std::move(stored).error();
  }
  std::function<Result<bool>()> job = [&partial, bytes, digest]() -> Result<bool> {
    Result<models::Digest> kept = (*std::move(partial)).Commit(bytes, digest);
    if (kept.ok()) return true;
    if (kept.error().reason != "digest_mismatch") return std::move(kept).error();
    Error error = InvalidArgument("digest", kept.error().message);
    error.reason = "digest_mismatch";
    return error;
  };
  co_return co_await writers.Run(exchange.shard(), std::move(job));
}

net::Task<void> ModelApi::State::Blob(net::Exchange& exchange) {
  constexpr int kOk = 200, kCreated = 201, kNotFound = 404;
  const std::string_view path = exchange.head().path();
  const std::string text =
      net::PercentDecode(path.substr(kBlobPrefix.size())).value_or(std::string());
  const Result<models::Digest> digest = models::Digest::Parse(text, "digest");
  if (!digest.ok()) co_return co_await AnswerModelError(exchange, digest.error());
  if (exchange.head().method() == "HEAD") {
    const int status = work.blobs->SizeOf(*digest) ? kOk : kNotFound;
    (void)co_await exchange.Respond(status, "", "");
    co_return;
  }
  const Result<void> type = RequireType(exchange.head(), "application/octet-stream");
  if (!type.ok()) co_return co_await AnswerModelError(exchange, type.error());
  const Result<bool> received = co_await Receive(exchange, *digest);
  if (!received.ok()) co_return co_await AnswerModelError(exchange, received.error());
  (void)co_await exchange.Respond(*received ? kCreated : kOk, "", "");
}

ModelApi::ModelApi(ModelWork work) : state_(std::make_unique<State>(std::move(work))) {}
ModelApi::~ModelApi() = default;

bool ModelApi::Owns(std::string_view path) {
  return path.starts_with(kBlobPrefix) ||
         std::find(kPaths.begin(), kPaths.end(), path) != kPaths.end();
}

net::Task<void> ModelApi::Handle(net::Exchange& exchange, bool admin) {
  if (!admin) co_return co_await AnswerModelError(exchange, Denied());
  const std::string_view path = exchange.head().path();
  if (path.starts_with(kBlobPrefix)) co_return co_await state_->Blob(exchange);
  if (path == "/api/create") co_return co_await state_->Create(exchange);
  if (path == "/api/copy") co_return co_await state_->Copy(exchange);
  if (path == "/api/delete") co_return co_await state_->Delete(exchange);
  co_await state_->Transfer(exchange, path == "/api/pull");
}

}  // namespace tidegate::admin
