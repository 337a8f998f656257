#include "cli/gate_client.h"

#include <csignal>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include "base/clock.h"
#include "cli/json_fields.h"
#include "json/reader.h"
#include "net/async.h"
#include "net/client.h"
#include "net/shard.h"
#include "net/tls.h"

namespace tidegate::cli {
namespace {

constexpr std::uint16_t kDefaultPort = 11'435;
constexpr std::size_t kMessageBytesMax = 2'000;  // of an error that is not ours

struct Call {
  std::string method, path;
  std::string body = {};
  std::int64_t stall_nanos = kReplyTimeoutNanos;
  const StreamHandlers* handlers = nullptr;  // nullptr = the whole answer as one text
  const UploadBody* upload = nullptr;        // instead of `body`

  bool has_body() const { return method != "GET" && method != "HEAD"; }
  std::string Length() const {
    return std::to_string(upload == nullptr ? static_cast<std::int64_t>(body.size())
                                            : upload->size);
  }
};

ErrorCode CodeOfStatus(int status) {
  switch (status) {
    case 400:
      return ErrorCode::kInvalidArgument;
    case 401:
      return ErrorCode::kUnauthenticated;
    case 402:
      return ErrorCode::kBudgetExceeded;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 413:
      return ErrorCode::kTooLarge;
    case 429:
      return ErrorCode::kRateLimited;
    case 500:
      return ErrorCode::kInternal;
    case 502:
      return ErrorCode::kProtocol;
    case 503:
      return ErrorCode::kUnavailable;
    case 504:
      return ErrorCode::kDeadlineExceeded;
    default:
      return ErrorCode::kProtocol;
  }
}

AnswerHead ReadAnswerHead(const net::HttpHead& head) {
  const auto field = [&head](std::string_view name) {
    return std::string(head.Find(name).value_or(""));
  };
  return AnswerHead{field("content-type"), field("tidegate-decision"), field("tidegate-place"),
                    field("tidegate-model")};
}

// What went wrong on the way, in the words of who waits for a gate and for nothing behind it.
Error OfGate(Error error, std::int64_t stall_nanos) {
  if (error.code == ErrorCode::kDeadlineExceeded) {
    error.message = fmt::format("the gate did nothing for {} s", stall_nanos / kNanosPerSecond);
  }
  return error;
}

Error Interrupted() {
  return Error{ErrorCode::kCancelled, ErrorSource::kCaller, Retry::kNever, "interrupted"};
}

}  // namespace

struct GateClient::State {
  State(net::Url url, Secret secret)
      : at(std::move(url)), key(std::move(secret)), client(shard, Options()) {}

  static net::ClientOptions Options() {
    net::ClientOptions options;
    options.tls = [] { return net::TlsContext::ForClient(""); };
    return options;
  }

  Result<std::string> Wait(Call call);
  net::Task<void> Run(Call call, std::optional<Result<std::string>>& result);
  net::Task<Result<std::string>> Exchange(Call call);
  net::Task<Result<void>> Send(const Call& call);
  net::Task<Result<std::string>> Receive(const Call& call);
  std::string Head(const Call& call) const;
  Error NoGate(Error cause) const;

  net::Url at;
  Secret key;
  net::Shard shard{0};
  net::HttpClient client;
  std::optional<net::ClientExchange> exchange;  // the one in progress
  bool interrupted = false;
};

std::string GateClient::State::Head(const Call& call) const {
  std::string head = call.method + " " + at.path + call.path + " HTTP/1.1\r\n";
  head += "host: " + at.origin.HostField() + "\r\n";
  head += "user-agent: tidegate-cli\r\n";
  if (!key.empty()) head += "authorization: Bearer " + std::string(key.Reveal()) + "\r\n";
  if (call.has_body()) {
    head += call.upload == nullptr ? "content-type: application/json\r\n"
                                   : "content-type: application/octet-stream\r\n";
    head += "content-length: " + call.Length() + "\r\n";
  }
  return head + "\r\n";
}

Error GateClient::State::NoGate(Error cause) const {
  Error error = Unavailable(ErrorSource::kUpstream,
                            "no gate answers at " + at.origin.ToString() +
                                "\nstart one with 'tidegate serve', or say where it is with --host "
                                "or TIDEGATE_HOST");
  error.reason = kReasonNoGate;
  error.cause = std::make_shared<const Error>(std::move(cause));
  return error;
}

net::Task<Result<std::string>> GateClient::State::Receive(const Call& call) {
  while (true) {
    const Result<std::string_view> bytes = co_await exchange->ReadBody();
    if (!bytes.ok()) co_return OfGate(bytes.error(), call.stall_nanos);
    if (bytes->empty()) co_return std::string();
    Result<void> taken = call.handlers->on_bytes(*bytes);
    if (!taken.ok()) co_return std::move(taken).error();
  }
}

net::Task<Result<void>> GateClient::State::Send(const Call& call) {
  const std::string head = Head(call);
  const std::string_view whole[] = {head, call.body};
  Result<void> sent = co_await exchange->Send(whole);
  if (!sent.ok() || call.upload == nullptr) co_return sent;
  std::int64_t left = call.upload->size;
  while (left > 0) {
    Result<std::string_view> piece = call.upload->next();
    if (!piece.ok()) co_return std::move(piece).error();
    if (piece->empty() || static_cast<std::int64_t>(piece->size()) > left) {
      co_return InvalidArgument("", "the file changed while it was sent; try again");
    }
    left -= static_cast<std::int64_t>(piece->size());
    const std::string_view pieces[] = {*piece};
    sent = co_await exchange->Send(pieces);
    if (!sent.ok()) co_return sent;
  }
  co_return Result<void>();
}

net::Task<Result<std::string>> GateClient::State::Exchange(Call call) {
  // A connection of its own: between two calls of a person the gate may well have closed the last.
  Result<net::ClientExchange> opened = co_await client.Open(at.origin, true);
  if (!opened.ok()) co_return NoGate(std::move(opened).error());
  if (interrupted) co_return Interrupted();
  exchange.emplace(std::move(*opened));
  exchange->SetStallTimeout(call.stall_nanos);
  Result<void> sent = co_await Send(call);
  // A gate that refuses a large body answers before it has read it.
  if (!sent.ok() && call.upload == nullptr) co_return std::move(sent).error();
  if (!sent.ok() && sent.error().source == ErrorSource::kCaller) co_return std::move(sent).error();
  const Result<const net::HttpHead*> answer = co_await exchange->ReadHead(call.method == "HEAD");
  if (!answer.ok()) {
    co_return OfGate(sent.ok() ? answer.error() : sent.error(), call.stall_nanos);
  }
  const int status = (*answer)->status();
  const bool good = status >= 200 && status < 300;
  if (good && call.handlers != nullptr) {
    call.handlers->on_head(ReadAnswerHead(**answer));
    co_return co_await Receive(call);
  }
  const Result<std::string_view> body = co_await exchange->ReadAll(kAnswerBytesMax);
  if (!body.ok()) co_return OfGate(body.error(), call.stall_nanos);
  if (!good) co_return ErrorOfAnswer(status, *body);
  co_return std::string(*body);
}

net::Task<void> GateClient::State::Run(Call call, std::optional<Result<std::string>>& result) {
  Result<std::string> got = co_await Exchange(std::move(call));
  exchange.reset();
  if (interrupted) got = Interrupted();
  result = std::move(got);
}

Result<std::string> GateClient::State::Wait(Call call) {
  std::optional<Result<std::string>> result;
  interrupted = false;
  net::asio::signal_set signals(shard.io(), SIGINT);
  signals.async_wait([this, &signals](net::error_code ec, int) {
    if (ec) return;
    interrupted = true;
    if (exchange) exchange->Abort();
    net::error_code ignored;  // a second Ctrl-C does what it does by default: it ends the program
    signals.clear(ignored);
  });
  net::Spawn(shard.io(), Run(std::move(call), result), [](const std::exception_ptr& e) {
    CHECK(e == nullptr);  // nothing of ours throws
  });
  shard.io().restart();
  // Until the answer, not until the loop is idle: pooled connections keep a timer in it.
  while (!result) shard.io().run_one();
  signals.cancel();
  shard.io().poll();  // lets the cancelled wait for the signal end while its handler's `this` lives
  return std::move(*result);
}

GateClient::GateClient(net::Url at, Secret key)
    : state_(std::make_unique<State>(std::move(at), std::move(key))) {}
GateClient::~GateClient() = default;

Result<std::string> GateClient::Get(std::string path) {
  return state_->Wait({.method = "GET", .path = std::move(path)});
}

Result<std::string> GateClient::Post(std::string path, std::string body, std::int64_t stall_nanos) {
  return state_->Wait({.method = "POST",
                       .path = std::move(path),
                       .body = std::move(body),
                       .stall_nanos = stall_nanos});
}

Result<std::string> GateClient::Delete(std::string path, std::string body) {
  return state_->Wait({.method = "DELETE", .path = std::move(path), .body = std::move(body)});
}

Result<bool> GateClient::Exists(std::string path) {
  const Result<std::string> answer = state_->Wait({.method = "HEAD", .path = std::move(path)});
  if (answer.ok()) return true;
  if (answer.error().upstream_status == 404) return false;
  return answer.error();
}

Result<void> GateClient::Upload(std::string path, const UploadBody& body) {
  TIDEGATE_TRY(state_->Wait({.method = "POST",
                             .path = std::move(path),
                             .stall_nanos = kStreamStallNanos,
                             .upload = &body}));
  return Result<void>();
}

const net::Url& GateClient::at() const { return state_->at; }

Result<void> GateClient::Stream(std::string path, std::string body,
                                const StreamHandlers& handlers) {
  TIDEGATE_TRY(state_->Wait({.method = "POST",
                             .path = std::move(path),
                             .body = std::move(body),
                             .stall_nanos = kStreamStallNanos,
                             .handlers = &handlers}));
  return Result<void>();
}

Result<net::Url> ParseHost(std::string_view text) {
  std::string url(text);
  const bool bare = text.find("://") == std::string_view::npos && !text.starts_with("unix:");
  if (bare) {
    // A port is what follows the last ':' behind the brackets of an IPv6 address.
    const std::size_t bracket = text.rfind(']');
    const std::size_t from = bracket == std::string_view::npos ? 0 : bracket;
    const bool port = text.find(':', from) != std::string_view::npos;
    url = "http://" + url + (port ? "" : ":" + std::to_string(kDefaultPort));
  }
  Result<net::Url> parsed = net::ParseUrl(url);
  if (parsed.ok()) return parsed;
  Error error = InvalidArgument(
      "", "'" + std::string(text) +
              "' is no address of a gate; write it as 127.0.0.1:11435, https://gate.example or "
              "unix:/path/to.sock");
  error.reason = "usage";
  error.cause = std::make_shared<const Error>(std::move(parsed).error());
  return error;
}

Error ErrorOfAnswer(int status, std::string_view body) {
  Error error{CodeOfStatus(status), ErrorSource::kUpstream, Retry::kNever,
              "the gate answered with status " + std::to_string(status)};
  error.upstream_status = status;
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(body, kAnswerBytesMax);
  if (!root.ok()) return error;
  const std::optional<json::Value> inner = JsonFields(*root).Find("error");
  if (!inner) return error;
  if (const Result<std::string_view> text = inner->String(); text.ok()) {
    // Ollama's shape; ours has the field in front of the text already.
    if (!text->empty()) error.message = text->substr(0, kMessageBytesMax);
    return error;
  }
  JsonFields fields(*inner);
  const std::string message = fields.Text("message");
  if (!message.empty()) error.message = message.substr(0, kMessageBytesMax);
  // The gate's own API says `field`, OpenAI's `param`.
  error.field = fields.Text("field");
  if (error.field.empty()) error.field = fields.Text("param");
  return error;
}

}  // namespace tidegate::cli
