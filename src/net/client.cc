#include "net/client.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <netinet/tcp.h>

namespace tidegate::net {
namespace {

constexpr std::int64_t kStallTimeoutDefault = 60 * kSecond;
constexpr std::size_t kReadRoomBytesMax = 64 * 1024;
constexpr int kInformationalHeadsMax = 16;

Error Cut() {
  Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget,
              "the upstream closed the connection before its answer was complete"};
  error.reason = "cut";
  return error;
}

Error TooLarge(std::size_t size_max) {
  return Error{ErrorCode::kTooLarge, ErrorSource::kUpstream, Retry::kOtherTarget,
               fmt::format("the upstream's answer is larger than {} bytes", size_max)};
}

// The peer's malformed bytes are the upstream's fault, not the caller's.
Error AsUpstream(Error error) {
  error.code = ErrorCode::kProtocol;
  error.source = ErrorSource::kUpstream;
  error.retry = Retry::kOtherTarget;
  error.message = "the upstream broke HTTP: " + error.message;
  return error;
}

bool MatchesNoProxy(const std::vector<std::string>& rules, std::string_view host) {
  return std::any_of(rules.begin(), rules.end(), [&](std::string_view rule) {
    if (rule == "*") return true;
    while (rule.starts_with('.')) rule.remove_prefix(1);
    if (rule.empty() || !std::string_view(host).ends_with(rule)) return false;
    return host.size() == rule.size() || host[host.size() - rule.size() - 1] == '.';
  });
}

std::string Environment(const char* upper, const char* lower) {
  for (const char* name : {lower, upper}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

}  // namespace

// --- ClientConnection ----------------------------------------------------------------------------

ClientConnection::ClientConnection(Shard& shard, Socket socket)
    : stream(std::move(socket), shard.turn()), shard_(shard) {}
ClientConnection::~ClientConnection() = default;

void ClientConnection::OnDeadline() {
  timed_out = true;
  stream.Close();  // an idle one is found closed when it is taken from its pool
}

void ClientConnection::ExpireAfter(std::int64_t nanos) {
  shard_.deadlines().Arm(*this, CoarseNow() + nanos);
}

// --- ClientExchange ------------------------------------------------------------------------------

ClientExchange::ClientExchange(HttpClient& client, IdleConnections& pool,
                               std::unique_ptr<ClientConnection> connection, bool reused)
    : client_(&client),
      pool_(&pool),
      connection_(std::move(connection)),
      reused_(reused),
      stall_nanos_(kStallTimeoutDefault) {}

ClientExchange::ClientExchange(ClientExchange&&) noexcept = default;

ClientExchange& ClientExchange::operator=(ClientExchange&& other) noexcept {
  if (this != &other) {
    std::destroy_at(this);  // as its destructor does: back to the pool, or closed
    std::construct_at(this, std::move(other));
  }
  return *this;
}

ClientExchange::~ClientExchange() {
  if (connection_ && body_done_) Release();
}

void ClientExchange::Release() {
  CHECK(body_done_);
  if (!connection_) return;
  if (!keep_alive_ || !connection_->stream.open()) {
    connection_.reset();
    return;
  }
  connection_->buffer.Consume(view_bytes_);
  view_bytes_ = 0;
  client_->GiveBack(*pool_, std::move(connection_));
}

void ClientExchange::Abort() {
  if (connection_) connection_->stream.Close();
}

Error ClientExchange::StreamError(Error error) const {
  if (connection_->timed_out) {
    return Error{ErrorCode::kDeadlineExceeded, ErrorSource::kUpstream, Retry::kOtherTarget,
                 fmt::format("the upstream did nothing for {} ms", stall_nanos_ / kMillisecond)};
  }
  error.retry = Retry::kOtherTarget;
  return error;
}

Task<Result<void>> ClientExchange::Send(std::span<const std::string_view> pieces) {
  sent_ = false;  // until all of it is: a body may come in several calls
  Stream::Position at;
  Result<bool> all = co_await connection_->stream.WriteInTurn(pieces, at);
  if (!all.ok()) co_return StreamError(std::move(all).error());
  if (!*all) {
    connection_->ExpireAfter(stall_nanos_);
    Result<void> rest = co_await connection_->stream.WriteRest(pieces, at);
    connection_->NeverExpire();
    if (!rest.ok()) co_return StreamError(std::move(rest).error());
  }
  sent_ = true;
  co_return Result<void>();
}

// No coroutine of its own: this is on the way of every piece of every stream.
Task<Result<bool>> ClientExchange::Fill() {
  connection_->ExpireAfter(stall_nanos_);
  return connection_->stream.ReadInto(connection_->buffer, room_);
}

Result<bool> ClientExchange::Filled(Result<bool> got) {
  connection_->NeverExpire();
  if (!got.ok()) return StreamError(std::move(got).error());
  if (*got) answered_ = true;
  if (connection_->buffer.writable() == 0) room_ = std::min(2 * room_, kReadRoomBytesMax);
  return got;
}

Task<Result<const HttpHead*>> ClientExchange::ReadHead(bool head_request) {
  for (int heads = 0; heads < kInformationalHeadsMax;) {
    if (!connection_->buffer.empty()) {
      Result<bool> ready = connection_->heads.Read(connection_->buffer.data());
      if (!ready.ok()) co_return AsUpstream(std::move(ready).error());
      if (*ready) {
        const HttpHead& head = connection_->heads.head();
        if (head.status() >= 200 || head.status() == 101) {
          Result<void> body = BeginBody(head, head_request);
          if (!body.ok()) co_return std::move(body).error();
          co_return &head;
        }
        ++heads;
        connection_->buffer.Consume(head.size());
        connection_->heads.Reset();
        continue;
      }
    }
    Result<bool> more = Filled(co_await Fill());
    if (!more.ok()) co_return std::move(more).error();
    if (!*more) {
      Error error = Unavailable(ErrorSource::kUpstream,
                                "the upstream closed the connection without an answer");
      error.reason = answered_ ? "cut" : "closed";
      co_return error;
    }
  }
  co_return AsUpstream(InvalidArgument("", "too many informational answers"));
}

Result<void> ClientExchange::BeginBody(const HttpHead& head, bool head_request) {
  keep_alive_ = head.keep_alive() && sent_;
  view_bytes_ = head.size();
  left_ = 0;
  chunks_.Reset();
  if (head.status() == 101) {
    return AsUpstream(InvalidArgument("", "an upgrade that nobody asked for"));
  }
  if (head_request || head.status() == 204 || head.status() == 304) {
    framing_ = Framing::kNone;
  } else if (head.chunked()) {
    framing_ = Framing::kChunked;
  } else if (head.content_length()) {
    framing_ = Framing::kLength;
    left_ = *head.content_length();
  } else {
    framing_ = Framing::kUntilClose;
    keep_alive_ = false;
  }
  body_done_ = framing_ == Framing::kNone || (framing_ == Framing::kLength && left_ == 0);
  return {};
}

// Decodes all chunks that are here in place, so that they go on as one piece.
Result<std::string_view> ClientExchange::TakeChunks() {
  ReadBuffer& buffer = connection_->buffer;
  const std::string_view raw = buffer.data();
  char* const bytes = buffer.mutable_data();
  std::size_t used = 0, begin = 0, end = 0;  // of raw; of the payload
  while (!chunks_.done()) {
    Result<ChunkReader::Step> step = chunks_.Next(raw.substr(used));
    if (!step.ok()) return AsUpstream(std::move(step).error());
    if (step->consumed == 0) break;
    if (!step->payload.empty()) {
      if (begin == end) begin = end = used;
      if (end != used) std::memmove(bytes + end, bytes + used, step->payload.size());
      end += step->payload.size();
    }
    used += step->consumed;
  }
  body_done_ = chunks_.done();
  if (begin == end) {
    buffer.Consume(used);
    return std::string_view();
  }
  view_bytes_ = used;
  return std::string_view(bytes + begin, end - begin);
}

Task<Result<std::string_view>> ClientExchange::ReadBody() {
  ReadBuffer& buffer = connection_->buffer;
  buffer.Consume(view_bytes_);
  view_bytes_ = 0;
  while (!body_done_) {
    if (framing_ == Framing::kChunked) {
      Result<std::string_view> payload = TakeChunks();
      if (!payload.ok() || !payload->empty()) co_return payload;
      if (body_done_) break;
    } else if (!buffer.empty()) {
      view_bytes_ = buffer.size();
      if (framing_ == Framing::kLength) {
        view_bytes_ = static_cast<std::size_t>(std::min<std::uint64_t>(left_, view_bytes_));
        left_ -= view_bytes_;
        body_done_ = left_ == 0;
      }
      co_return buffer.data().substr(0, view_bytes_);
    }
    Result<bool> more = Filled(co_await Fill());
    if (!more.ok()) co_return std::move(more).error();
    if (!*more) {
      if (framing_ == Framing::kUntilClose) {
        body_done_ = true;
        break;
      }
      co_return Cut();
    }
  }
  if (!buffer.empty()) keep_alive_ = false;  // bytes that belong to no answer
  co_return std::string_view();
}

std::optional<Result<std::string_view>> ClientExchange::ReadAllNow(std::size_t size_max) {
  if (framing_ != Framing::kLength) return std::nullopt;
  if (left_ > size_max) return Result<std::string_view>(TooLarge(size_max));
  ReadBuffer& buffer = connection_->buffer;
  buffer.Consume(view_bytes_);
  view_bytes_ = 0;
  if (buffer.size() < left_) return std::nullopt;
  view_bytes_ = static_cast<std::size_t>(left_);
  left_ = 0;
  body_done_ = true;
  if (buffer.size() > view_bytes_) keep_alive_ = false;
  return Result<std::string_view>(buffer.data().substr(0, view_bytes_));
}

Task<Result<std::string_view>> ClientExchange::ReadAll(std::size_t size_max) {
  while (framing_ ==
         Framing::kLength) {  // in place: the buffer grows until it holds the whole body
    if (auto whole = ReadAllNow(size_max)) co_return *std::move(whole);
    Result<bool> more = Filled(co_await Fill());
    if (!more.ok()) co_return std::move(more).error();
    if (!*more) co_return Cut();
  }
  whole_.clear();
  while (true) {
    Result<std::string_view> piece = co_await ReadBody();
    if (!piece.ok()) co_return std::move(piece).error();
    if (piece->empty()) break;
    if (whole_.size() + piece->size() > size_max) co_return TooLarge(size_max);
    whole_ += *piece;
  }
  const std::size_t size = whole_.size();
  whole_.append(kPaddingBytes, '\0');
  co_return std::string_view(whole_.data(), size);
}

// --- HttpClient ----------------------------------------------------------------------------------

ProxyConfig ProxyConfig::FromEnvironment() {
  ProxyConfig config;
  const std::string all = Environment("ALL_PROXY", "all_proxy");
  // HTTP_PROXY in upper case is not read: a CGI request header could have set it.
  const char* http = std::getenv("http_proxy");
  config.http_proxy = http != nullptr && *http != '\0' ? http : all;
  config.https_proxy = Environment("HTTPS_PROXY", "https_proxy");
  if (config.https_proxy.empty()) config.https_proxy = all;
  std::string list = Environment("NO_PROXY", "no_proxy");
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    const std::string_view rule = Trim(std::string_view(list).substr(at, comma - at));
    if (!rule.empty()) config.no_proxy.emplace_back(rule);
    at = comma + 1;
  }
  return config;
}

HttpClient::HttpClient(Shard& shard, ClientOptions options)
    : shard_(shard), options_(std::move(options)) {}
HttpClient::~HttpClient() = default;

std::size_t HttpClient::idle_connections() const {
  std::size_t count = 0;
  for (const auto& [origin, pool] : pools_) {
    count += static_cast<std::size_t>(
        std::count_if(pool.begin(), pool.end(),
                      [](const auto& connection) { return connection->stream.open(); }));
  }
  return count;
}

void HttpClient::Forget(const Origin& origin) {
  const auto found = pools_.find(origin);
  if (found != pools_.end()) found->second.clear();
}

void HttpClient::ExpectPeer(const Origin& origin, int pid) {
  int& expected = peers_[origin];
  if (expected == pid) return;
  expected = pid;
  Forget(origin);
}

// Who has listened is what the kernel noted down then, whatever became of the path since.
Result<void> HttpClient::CheckPeer(Socket& socket, const Origin& to) const {
  const auto expected = peers_.find(to);
  if (expected == peers_.end()) return {};
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
      peer.pid > 0 && (peer.pid == expected->second || getpgid(peer.pid) == expected->second)) {
    return {};
  }
  return Unavailable(ErrorSource::kUpstream,
                     fmt::format("process {} listens there, and not {}, which was started to",
                                 peer.pid, expected->second));
}

std::optional<ClientExchange> HttpClient::OpenIdle(const Origin& origin) {
  const auto found = pools_.find(origin);
  if (found == pools_.end()) return std::nullopt;
  IdleConnections& pool = found->second;
  while (!pool.empty()) {
    std::unique_ptr<ClientConnection> connection = std::move(pool.back());
    pool.pop_back();
    if (!connection->stream.open()) continue;  // it has expired
    connection->NeverExpire();
    // A server of this machine is asked at once: llama-server closes behind every streamed answer,
    // whatever its head says, and a request sent into that is sent twice.
    const bool trusted = origin.scheme != Scheme::kUnix &&
                         CoarseNow() - connection->idle_since < kUpstreamTrustedIdle;
    if (trusted || connection->stream.PeekSocket() == Stream::Peek::kNothing) {
      return ClientExchange(*this, pool, std::move(connection), true);
    }
  }
  return std::nullopt;
}

void HttpClient::GiveBack(IdleConnections& pool, std::unique_ptr<ClientConnection> connection) {
  if (pool.size() >= options_.idle_per_origin_max) {
    std::erase_if(pool, [](const auto& idle) { return !idle->stream.open(); });
  }
  if (pool.size() >= options_.idle_per_origin_max || !connection->buffer.empty()) return;
  if (connection->buffer.capacity() > kReadBufferBytesKept) connection->buffer.Release();
  connection->heads.Reset();
  connection->idle_since = CoarseNow();
  connection->ExpireAfter(kUpstreamIdleKept);
  pool.push_back(std::move(connection));
}

Task<Result<ClientExchange>> HttpClient::Open(Origin origin, bool fresh) {
  if (!fresh) {
    if (std::optional<ClientExchange> idle = OpenIdle(origin)) co_return *std::move(idle);
  }
  Result<std::unique_ptr<ClientConnection>> connection = co_await Connect(origin);
  if (!connection.ok()) {
    Error error = std::move(connection).error();
    error.message = "cannot reach " + origin.ToString() + ": " + error.message;
    co_return error;
  }
  IdleConnections& pool = pools_[std::move(origin)];
  co_return ClientExchange(*this, pool, *std::move(connection), false);
}

Result<void> HttpClient::LoadTls() {
  if (tls_) return {};
  if (!options_.tls) return Unavailable(ErrorSource::kGateway, "https is not configured here");
  TIDEGATE_ASSIGN(tls_, options_.tls());
  return {};
}

// The proxy to go through, if any. Hosts on this machine are never reached through one.
Result<std::optional<Origin>> HttpClient::ProxyFor(const Origin& origin) const {
  const ProxyConfig& config = options_.proxy;
  const std::string& proxy =
      origin.scheme == Scheme::kHttps ? config.https_proxy : config.http_proxy;
  const bool direct = proxy.empty() || origin.scheme == Scheme::kUnix ||
                      origin.host == "localhost" || IsLoopbackAddress(origin.host) ||
                      MatchesNoProxy(config.no_proxy, origin.host);
  if (direct) return std::optional<Origin>();
  Result<Url> url = ParseUrl(proxy);
  if (!url.ok() || url->origin.scheme != Scheme::kHttp) {
    return Unavailable(ErrorSource::kGateway,
                       "the proxy of the environment is not usable; it must be of the form "
                       "http://host:port");
  }
  return std::optional(std::move(url->origin));
}

Task<Result<std::unique_ptr<ClientConnection>>> HttpClient::Connect(const Origin& origin) {
  const Result<std::optional<Origin>> proxy = ProxyFor(origin);
  if (!proxy.ok()) co_return proxy.error();
  auto connection = std::make_unique<ClientConnection>(shard_, Socket(shard_.io()));
  connection->ExpireAfter(options_.connect_nanos);
  if (*proxy) {
    error_code not_literal;
    const asio::ip::address literal = asio::ip::make_address(origin.host, not_literal);
    if (!not_literal) {
      Result<void> allowed = CheckAddress(origin, literal);
      if (!allowed.ok()) co_return std::move(allowed).error();
    }
  }
  Result<void> step =
      co_await ConnectSocket(*connection, *proxy ? **proxy : origin, !proxy->has_value());
  if (step.ok() && *proxy) {
    step = co_await OpenTunnel(*connection, origin);
  }
  if (step.ok() && origin.scheme == Scheme::kHttps) {
    step = LoadTls();
    if (step.ok()) step = co_await connection->stream.ConnectTls(*tls_, origin.host);
  }
  connection->NeverExpire();
  if (connection->timed_out) {
    co_return Error{
        ErrorCode::kDeadlineExceeded, ErrorSource::kUpstream, Retry::kOtherTarget,
        fmt::format("no connection within {} ms", options_.connect_nanos / kMillisecond)};
  }
  if (!step.ok()) co_return std::move(step).error();
  co_return connection;
}

// getaddrinfo cannot be interrupted. When it takes too long, nobody waits for it any more, and what
// it finds is dropped.
Task<Result<std::vector<asio::ip::tcp::endpoint>>> HttpClient::Resolve(const Origin& to) {
  using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;
  struct Lookup {
    explicit Lookup(asio::io_context& io) : resolver(io), end(io) {}
    Resolver resolver;
    asio::steady_timer end;
    error_code ec = asio::error::timed_out;
    std::vector<asio::ip::tcp::endpoint> endpoints;
  };
  error_code ec;
  const asio::ip::address literal = asio::ip::make_address(to.host, ec);
  if (!ec) co_return std::vector{asio::ip::tcp::endpoint(literal, to.port)};
  const auto lookup = std::make_shared<Lookup>(shard_.io());
  lookup->end.expires_after(std::chrono::nanoseconds(options_.connect_nanos));
  lookup->resolver.async_resolve(to.host, std::to_string(to.port),
                                 asio::ip::resolver_base::numeric_service,
                                 [lookup](error_code failed, const Resolver::results_type& found) {
                                   lookup->ec = failed;
                                   for (const auto& entry : found)
                                     lookup->endpoints.push_back(entry.endpoint());
                                   lookup->end.cancel();
                                 });
  co_await lookup->end.async_wait(kAwait);
  if (lookup->ec) co_return Unavailable(ErrorSource::kUpstream, lookup->ec.message());
  co_return std::move(lookup->endpoints);
}

Result<void> HttpClient::CheckAddress(const Origin& origin,
                                      const asio::ip::address& address) const {
  if (!options_.check_address) return {};
  return options_.check_address(origin, address.to_string());
}

// `checked`: whether check_address has a say, as it has not about the proxy.
Task<Result<void>> HttpClient::ConnectSocket(ClientConnection& connection, const Origin& to,
                                             bool checked) {
  Socket& socket = connection.stream.socket();
  error_code ec;
  if (to.scheme == Scheme::kUnix) {
    const asio::local::stream_protocol::endpoint endpoint(to.unix_path);
    std::tie(ec) = co_await socket.async_connect(endpoint, kAwait);
    if (ec) co_return Unavailable(ErrorSource::kUpstream, ec.message());
    co_return CheckPeer(socket, to);
  }
  Result<std::vector<asio::ip::tcp::endpoint>> endpoints = co_await Resolve(to);
  if (!endpoints.ok()) co_return std::move(endpoints).error();
  ec = asio::error::host_not_found;
  std::optional<Error> refused;
  for (const asio::ip::tcp::endpoint& endpoint : *endpoints) {
    if (connection.timed_out) break;
    if (checked) {
      Result<void> allowed = CheckAddress(to, endpoint.address());
      if (!allowed.ok()) {
        refused = std::move(allowed).error();
        continue;
      }
    }
    error_code ignored;  // the next connect reports what matters
    socket.close(ignored);
    std::tie(ec) = co_await socket.async_connect(endpoint, kAwait);
    if (ec) continue;
    const int on = 1;
    setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    co_return Result<void>();
  }
  if (refused && ec == asio::error::host_not_found) co_return *std::move(refused);
  co_return Unavailable(ErrorSource::kUpstream, ec.message());
}

Task<Result<void>> HttpClient::OpenTunnel(ClientConnection& connection, const Origin& origin) {
  const bool v6 = origin.host.find(':') != std::string::npos;
  const std::string host = v6 ? "[" + origin.host + "]" : origin.host;
  const std::string target = fmt::format("{}:{}", host, origin.port);
  const std::string head = fmt::format("CONNECT {0} HTTP/1.1\r\nhost: {0}\r\n\r\n", target);
  const std::string_view pieces[] = {head};
  const Result<void> sent = co_await connection.stream.Write(pieces);
  if (!sent.ok()) co_return sent.error();
  while (true) {
    const Result<bool> more =
        co_await connection.stream.ReadInto(connection.buffer, kReadBufferBytes);
    if (!more.ok()) co_return more.error();
    if (!*more) co_return Unavailable(ErrorSource::kUpstream, "the proxy closed the connection");
    const Result<bool> ready = connection.heads.Read(connection.buffer.data());
    if (!ready.ok()) co_return AsUpstream(ready.error());
    if (!*ready) continue;
    const HttpHead& answer = connection.heads.head();
    const int status = answer.status();
    connection.buffer.Consume(answer.size());
    connection.heads.Reset();
    if (status / 100 != 2 || !connection.buffer.empty()) {
      co_return Unavailable(ErrorSource::kUpstream,
                            fmt::format("the proxy refused the tunnel with status {}", status));
    }
    co_return Result<void>();
  }
}

namespace {

// Ends an exchange that lasts too long in all, however busy it is.
class TotalLimit final : public DeadlineEntry {
 public:
  TotalLimit(Shard& shard, ClientExchange& exchange, std::int64_t nanos) : exchange_(exchange) {
    shard.deadlines().Arm(*this, MonotonicNow() + nanos);
  }
  void OnDeadline() override {
    passed_ = true;
    exchange_.Abort();
  }
  // What `error` really is.
  Error Explain(Error error) const {
    if (!passed_) return error;
    return Error{ErrorCode::kDeadlineExceeded, ErrorSource::kUpstream, Retry::kOtherTarget,
                 "the upstream did not answer in time"};
  }

 private:
  ClientExchange& exchange_;
  bool passed_ = false;
};

Task<Result<SimpleResponse>> FetchOver(ClientExchange& exchange, std::string_view method,
                                       std::span<const std::string_view> pieces) {
  constexpr std::size_t kAnswerBytesMax = 16 * 1024 * 1024;
  Result<void> sent = co_await exchange.Send(pieces);
  if (!sent.ok()) co_return std::move(sent).error();
  Result<const HttpHead*> answer = co_await exchange.ReadHead(method == "HEAD");
  if (!answer.ok()) co_return std::move(answer).error();
  SimpleResponse response;
  response.status = (*answer)->status();
  response.content_type = (*answer)->Find("content-type").value_or("");
  Result<std::string_view> whole = co_await exchange.ReadAll(kAnswerBytesMax);
  if (!whole.ok()) co_return std::move(whole).error();
  response.body = *whole;
  co_return response;
}

}  // namespace

Task<Result<SimpleResponse>> Fetch(HttpClient& client, Origin origin, std::string method,
                                   std::string path, std::string fields, std::string body,
                                   std::int64_t timeout_nanos) {
  Result<ClientExchange> exchange = co_await client.Open(origin);
  if (!exchange.ok()) co_return std::move(exchange).error();
  const TotalLimit limit(client.shard(), *exchange, timeout_nanos);
  std::string head = fmt::format("{} {} HTTP/1.1\r\nhost: {}\r\n{}", method,
                                 path.empty() ? "/" : path, origin.HostField(), fields);
  if (!body.empty() || method == "POST") head += fmt::format("content-length: {}\r\n", body.size());
  head += "\r\n";
  const std::string_view pieces[] = {head, body};
  Result<SimpleResponse> response = co_await FetchOver(*exchange, method, pieces);
  if (!response.ok()) co_return limit.Explain(std::move(response).error());
  co_return response;
}

}  // namespace tidegate::net
