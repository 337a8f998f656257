// A server for HTTP/1.1 and HTTP/2: a coroutine per connection and, in HTTP/2, per request; each
// connection for ever on one shard.
//
// A TLS listener offers both versions (ALPN). A plain one speaks HTTP/2 with a client that begins
// with its preface ("prior knowledge"). Handlers see no difference.
//
// The handler gets an Exchange: a parsed head, a body on demand, and ways to answer. Everything
// that keeps a server up among hostile peers happens here: limits on head, body, time and
// connections; framing that two parties cannot read differently; Host and Origin; no pipelining;
// clients that vanish; drain.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/async.h"
#include "net/buffer.h"
#include "net/cancel.h"
#include "net/deadline.h"
#include "net/host_check.h"
#include "net/http_head.h"
#include "net/shard.h"
#include "net/stream.h"

namespace tidegate::net {

class Http2Request;
class ServerConnection;

// One request and its answer. Lives on the connection's shard for as long as the handler runs. An
// HTTP/2 request looks like the HTTP/1.1 request that means the same.
class Exchange {
 public:
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Views into it end at ReadBody, which may move the buffer; the head itself stays good.
  const HttpHead& head() const { return head_; }
  Shard& shard() { return shard_; }
  bool over_unix() const { return over_unix_; }
  bool secure() const { return secure_; }
  std::int64_t arrived_nanos() const { return arrived_nanos_; }  // monotonic

  // The whole body in one piece with kPaddingBytes readable bytes behind it; valid until the
  // handler returns. May be called once. Errors: kTooLarge, kInvalidArgument (framing),
  // kDeadlineExceeded (too slow), kCancelled (closed).
  Task<Result<std::string_view>> ReadBody(std::size_t size_max);
  // What ReadBody would yield if it need not wait for it; nothing: call ReadBody.
  std::optional<Result<std::string_view>> ReadBodyNow(std::size_t size_max);
  // The next piece of a body that may be too large to be held; empty = it is complete. Instead of
  // ReadBody, and without a limit: the caller counts. A piece lives until the next call, and a
  // client is told to send more only when there is one. Errors: as ReadBody's but kTooLarge.
  Task<Result<std::string_view>> ReadBodyPiece();

  // Answers with a complete body in one write. `fields`: complete header lines, each ending in
  // CRLF, without Content-Length, Connection and Date. May be called once, instead of BeginStream.
  // Errors of all writes: kCancelled (the client is gone or takes nothing).
  Task<Result<void>> Respond(int status, std::string_view fields,
                             std::span<const std::string_view> body);
  Task<Result<void>> Respond(int status, std::string_view fields, std::string_view body);

  // Answers with a body of unknown length. The head leaves with the first WriteStream, or at once
  // with `flush`.
  Task<Result<void>> BeginStream(int status, std::string_view fields, bool flush);
  Task<Result<void>> WriteStream(std::span<const std::string_view> pieces);
  // Ends the body, behind a last piece of it where there is one, in one write.
  Task<Result<void>> EndStream(std::span<const std::string_view> last = {});
  // Ends a stream that cannot be completed, so that no client takes it for complete: the connection
  // is closed without the last chunk; in HTTP/2 the stream alone is reset. REQUIRES: BeginStream.
  void AbortStream();

  bool responded() const { return responded_; }
  // Cancelled when the client goes away or SetDeadline passes.
  CancelToken& cancel() { return cancel_; }
  void SetDeadline(std::int64_t monotonic_nanos);

 private:
  friend class Http2Connection;
  friend class ServerConnection;
  explicit Exchange(ServerConnection& connection);
  explicit Exchange(Http2Request& request);
  void StartWhole(int status, std::string_view fields, std::size_t size);
  Task<Result<void>> SendChunk(std::span<const std::string_view> body, std::string_view end);
  Task<Result<void>> SendPending();

  // One of the two.
  ServerConnection* const http1_ = nullptr;
  Http2Request* const http2_ = nullptr;
  const HttpHead& head_;
  Shard& shard_;
  CancelToken& cancel_;
  const std::int64_t arrived_nanos_;
  const bool over_unix_, secure_;
  bool body_read_ = false;
  bool responded_ = false;
  bool streaming_ = false;
  bool stream_ended_ = false;
};

// May suspend as it likes. Must answer exactly once; if it returns without an answer, the client
// gets a 500.
using Handler = std::function<Task<void>(Exchange&)>;
// The answer to a request that never reached the handler (malformed, too large, refused): body and
// content type for `path`.
struct RefusalBody {
  std::string body;
  std::string_view content_type;
};
using RefusalEncoder = std::function<RefusalBody(std::string_view path, const Error&)>;

// In nanoseconds; each may be late by kDeadlineScanInterval.
struct ServerTimeouts {
  std::int64_t head = kHeadTimeout;
  std::int64_t idle = kIdleTimeout;
  std::int64_t body_stall = kBodyStallTimeout;
  std::int64_t write_stall = kWriteStallTimeout;
  std::int64_t tls_handshake = kTlsHandshakeTimeout;
  std::int64_t linger = kLingerTimeout;
};

struct ServerOptions {
  std::vector<ListenAddress> listen;
  std::shared_ptr<TlsContext> tls;  // for TCP listeners that are not loopback-only; nullptr = plain
  std::vector<std::string> hosts, origins;
  std::size_t connections_per_shard_max = kConnectionsPerShardMax;
  std::int64_t drain_nanos = kDrainTimeoutDefault;
  ServerTimeouts timeouts = {};
};

// Construct, Listen, and later Drain or destroy. Thread-safe where said; the handler runs on the
// shards' threads. REQUIRES of handlers: they return soon after their exchange was cancelled.
class HttpServer {
 public:
  HttpServer(ShardSet& shards, ServerOptions options, Handler handler, RefusalEncoder refuse);
  // Drains without patience, unless Drain was called, and waits until the last handler has
  // returned.
  ~HttpServer();
  // Binds all addresses and starts accepting. Errors: kUnavailable with the address and the remedy.
  Result<void> Listen();
  // The bound addresses, with real ports.
  const std::vector<ListenAddress>& bound() const;
  // Stops accepting, closes idle connections, lets requests in progress finish within the drain
  // time, then cuts them. Returns the number of requests that were cut. Blocks; call from a thread
  // that is no shard.
  std::size_t Drain();
  // Connections open now, over all shards. Thread-safe.
  std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string_view StatusText(int status);

}  // namespace tidegate::net
