#include "admin/model_api.h"

#include <utility>

#include "admin/model_requests.h"
#include "admin/read_request.h"
#include "json/writer.h"
#include "net/worker.h"

namespace tidegate::admin {
namespace {

constexpr std::string_view kBlobPrefix = "/api/blobs/";
constexpr std::string_view kJsonFields = "content-type: application/json\r\n";
constexpr int kOk = 200, kCreated = 201, kNotFound = 404;

}  // namespace

// One function for each path. What they return is the error that is still to be answered.
struct ModelApi::State {
  explicit State(ModelWork from) : work(std::move(from)) {}

  net::Task<Result<void>> Transfer(net::Exchange& exchange, bool pull);
  net::Task<Result<void>> Create(net::Exchange& exchange);
  net::Task<Result<void>> Copy(net::Exchange& exchange);
  net::Task<Result<void>> Delete(net::Exchange& exchange);
  net::Task<Result<void>> Blob(net::Exchange& exchange);
  net::Task<Result<bool>> Receive(net::Exchange& exchange, models::Digest digest);
  net::Task<Result<void>> Store(net::Exchange& exchange, models::PartialBlob& partial,
                                std::uint64_t& bytes);

  ModelWork work;
  net::Worker worker;   // names
  net::Worker writers;  // bytes
};

namespace {

// Work that is done already.
std::function<void()> Succeed(const models::ProgressSink& sink) {
  sink.step({"success"});
  sink.done({});
  return [] {};
}

net::Task<Result<void>> AnswerEmpty(net::Exchange& exchange, int status) {
  (void)co_await exchange.Respond(status, "", "");
  co_return Result<void>();
}

}  // namespace

net::Task<Result<void>> ModelApi::State::Transfer(net::Exchange& exchange, bool pull) {
  const Result<TransferRequest> request =
      co_await ReadRequest(exchange, kModelBodyBytesMax, ReadTransfer);
  if (!request.ok()) co_return request.error();
  if (!pull && request->model.url) {
    co_return InvalidArgument("model", "is a URL; a push wants the name of a model");
  }
  StartWork start = [this, pull, asked = *request](models::ProgressSink sink) {
    if (pull && work.is_served && work.is_served(asked.name)) return Succeed(sink);
    return pull ? work.pull(asked.model, std::move(sink))
                : work.push(asked.model.name, std::move(sink));
  };
  co_await AnswerWithProgress(exchange, std::move(start), TellingOf(request->stream));
  co_return Result<void>();
}

net::Task<Result<void>> ModelApi::State::Create(net::Exchange& exchange) {
  Result<CreateRequest> request = co_await ReadRequest(exchange, kModelBodyBytesMax, ReadCreate);
  if (!request.ok()) co_return std::move(request).error();
  StartWork start = [this, spec = std::move(request->spec)](models::ProgressSink sink) {
    return work.create(spec, std::move(sink));
  };
  co_await AnswerWithProgress(exchange, std::move(start), TellingOf(request->stream));
  co_return Result<void>();
}

net::Task<Result<void>> ModelApi::State::Copy(net::Exchange& exchange) {
  const Result<CopyRequest> request = co_await ReadRequest(exchange, kModelBodyBytesMax, ReadCopy);
  if (!request.ok()) co_return request.error();
  StartWork start = [this, asked = *request](models::ProgressSink sink) {
    return work.copy(asked.source, asked.destination, std::move(sink));
  };
  // Ollama answers with nothing; whoever asks for the steps hears them, since they may be many.
  co_await AnswerWithProgress(exchange, std::move(start),
                              request->stream ? Telling::kEveryStep : Telling::kNothing);
  co_return Result<void>();
}

net::Task<Result<void>> ModelApi::State::Delete(net::Exchange& exchange) {
  const Result<std::string> name = co_await ReadRequest(exchange, kModelBodyBytesMax, ReadDelete);
  if (!name.ok()) co_return name.error();
  std::function<Result<std::string>()> job = [this, asked = *name] { return work.remove(asked); };
  const Result<std::string> warning = co_await worker.Run(exchange.shard(), std::move(job));
  if (!warning.ok()) co_return warning.error();
  if (warning->empty()) co_return co_await AnswerEmpty(exchange, kOk);
  std::string body;
  json::Writer(body).BeginObject().Key("warning").String(*warning).EndObject();
  (void)co_await exchange.Respond(kOk, kJsonFields, body);
  co_return Result<void>();
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
    std::function<Result<void>()> job = [&partial, view = *piece] { return partial.Append(view); };
    Result<void> written = co_await writers.Run(exchange.shard(), std::move(job));
    if (!written.ok()) co_return written;
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

net::Task<Result<void>> ModelApi::State::Blob(net::Exchange& exchange) {
  const std::string_view path = exchange.head().path();
  const std::string text =
      net::PercentDecode(path.substr(kBlobPrefix.size())).value_or(std::string());
  const Result<models::Digest> digest = models::Digest::Parse(text, "digest");
  if (!digest.ok()) co_return digest.error();
  if (exchange.head().method() == "HEAD") {
    co_return co_await AnswerEmpty(exchange, work.blobs->SizeOf(*digest) ? kOk : kNotFound);
  }
  Result<void> type = RequireType(exchange.head(), "application/octet-stream");
  if (!type.ok()) co_return type;
  const Result<bool> received = co_await Receive(exchange, *digest);
  if (!received.ok()) co_return received.error();
  co_return co_await AnswerEmpty(exchange, *received ? kCreated : kOk);
}

ModelApi::ModelApi(ModelWork work) : state_(std::make_unique<State>(std::move(work))) {}
ModelApi::~ModelApi() = default;

net::Task<void> ModelApi::Handle(net::Exchange& exchange) {
  const std::string_view path = exchange.head().path();
  Result<void> done;
  if (path.starts_with(kBlobPrefix)) {
    done = co_await state_->Blob(exchange);
  } else if (path == "/api/create") {
    done = co_await state_->Create(exchange);
  } else if (path == "/api/copy") {
    done = co_await state_->Copy(exchange);
  } else if (path == "/api/delete") {
    done = co_await state_->Delete(exchange);
  } else {
    done = co_await state_->Transfer(exchange, path == "/api/pull");
  }
  if (!done.ok()) co_await AnswerModelError(exchange, done.error());
}

}  // namespace tidegate::admin
