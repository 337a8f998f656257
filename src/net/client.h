// HTTP/1.1 to upstreams: pooled connections, each used by one exchange at a time, on one shard.
//
// The caller gets the raw steps (send, head, body pieces) because a gateway forwards bytes as they
// arrive; ReadAll is there for everything smaller. No redirects are followed, nothing is
// decompressed, nothing is retried here.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "base/result.h"
#include "net/address.h"
#include "net/async.h"
#include "net/buffer.h"
#include "net/cancel.h"
#include "net/deadline.h"
#include "net/http_head.h"
#include "net/shard.h"
#include "net/stream.h"

namespace tidegate::net {

class HttpClient;
class ClientConnection;

// The idle connections to one origin, the last used at the end.
using IdleConnections = std::vector<std::unique_ptr<ClientConnection>>;

// An open connection to one origin, with its time-out. Used through ClientExchange.
class ClientConnection final : public DeadlineEntry {
 public:
  ClientConnection(Shard& shard, Socket socket);
  ~ClientConnection();
  void OnDeadline() override;
  // A wait on this connection that is still there in `nanos` ends with kDeadlineExceeded.
  void ExpireAfter(std::int64_t nanos);
  void NeverExpire() { DeadlineList::Disarm(*this); }

  Stream stream;
  ReadBuffer buffer;
  HeadReader heads{HeadKind::kResponse};
  bool timed_out = false;
  std::int64_t idle_since = 0;

 private:
  Shard& shard_;
};

// One request on one connection. Destroying it before the answer was read to its end closes the
// connection, which is how an upstream learns that nobody listens any more; otherwise the
// connection goes back to its pool.
class ClientExchange {
 public:
  // `pool`: where the connection goes back to.
  ClientExchange(HttpClient& client, IdleConnections& pool,
                 std::unique_ptr<ClientConnection> connection, bool reused);
  ClientExchange(ClientExchange&&) noexcept;
  ClientExchange& operator=(ClientExchange&&) noexcept;
  ~ClientExchange();

  // Sends head and body, all pieces in one write where possible. After an error ReadHead may still
  // find an answer that the upstream gave before it stopped reading.
  Task<Result<void>> Send(std::span<const std::string_view> pieces);
  // Reads the final answer's head (1xx are read over). Valid until the body is read. Errors:
  // kUnavailable (closed, reset), kProtocol, kDeadlineExceeded. `head_request`: no body follows
  // whatever the head says.
  Task<Result<const HttpHead*>> ReadHead(bool head_request = false);
  // The next decoded bytes of the body; empty = the body is complete. A body that ends early is
  // kProtocol with reason "cut". The view lives until the next call and has kPaddingBytes readable
  // bytes behind it.
  Task<Result<std::string_view>> ReadBody();
  // Whether the body was read to its end, so that ReadBody will yield nothing more.
  bool complete() const { return body_done_; }
  // The rest of the body in one piece, with padding. Errors: as ReadBody; kTooLarge.
  Task<Result<std::string_view>> ReadAll(std::size_t size_max);
  // What ReadAll would yield if it need not wait for it.
  std::optional<Result<std::string_view>> ReadAllNow(std::size_t size_max);

  // Waits of this exchange end when nothing moves for `nanos`. Time between them does not count: a
  // slow client is not the upstream's fault.
  void SetStallTimeout(std::int64_t nanos) { stall_nanos_ = nanos; }
  void Abort();  // closes the connection now; waits end with kUnavailable
  bool reused() const { return reused_; }
  // Whether any byte of the answer has arrived: before that, a reused connection may just have been
  // closed under us.
  bool answered() const { return answered_; }
  // Gives the connection back early. REQUIRES: the body was read to its end.
  void Release();

 private:
  // Fill starts to read more; what it yields goes through Filled. false = end of stream.
  Task<Result<bool>> Fill();
  Result<bool> Filled(Result<bool> got);
  Result<std::string_view> TakeChunks();
  Result<void> BeginBody(const HttpHead& head, bool head_request);
  Error StreamError(Error error) const;

  enum class Framing : std::uint8_t { kNone, kLength, kChunked, kUntilClose };
  HttpClient* client_;
  IdleConnections* pool_;
  std::unique_ptr<ClientConnection> connection_;
  bool reused_ = false, answered_ = false, body_done_ = false, keep_alive_ = false;
  bool sent_ = false;
  std::int64_t stall_nanos_;
  Framing framing_ = Framing::kNone;
  std::uint64_t left_ = 0;
  std::size_t view_bytes_ = 0;           // of the buffer, to consume before the next read
  std::size_t room_ = kReadBufferBytes;  // of the next read; grows while reads fill it
  ChunkReader chunks_;
  std::string whole_;  // ReadAll of a chunked body
};

struct ProxyConfig {
  std::string http_proxy, https_proxy;  // URLs, or empty
  std::vector<std::string> no_proxy;    // host suffixes, "*" = all
  // HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case.
  static ProxyConfig FromEnvironment();
};

struct ClientOptions {
  // Called at the first https origin, since loading the system's roots costs megabytes. Absent =
  // https is refused.
  std::function<Result<std::shared_ptr<TlsContext>>()> tls;
  ProxyConfig proxy;
  // Asked before a socket is connected for `origin`, with the very address (a literal) that it is
  // connected to, so that a name cannot mean one thing when it is checked and another when it is
  // used. Its error ends Open unless another address of the name is let through. Through a proxy
  // only a literal host can be judged: names are looked up there. Absent = every address will do.
  std::function<Result<void>(const Origin& origin, const std::string& address)> check_address = {};
  std::int64_t connect_nanos = kConnectTimeout;
  std::size_t idle_per_origin_max = kIdleUpstreamsPerOriginMax;
};

// The pools of one shard. Outlives its exchanges.
class HttpClient {
 public:
  HttpClient(Shard& shard, ClientOptions options);
  ~HttpClient();
  // A pooled or new connection to `origin`. `fresh` = never a pooled one. Errors: kUnavailable
  // (resolve, connect, TLS; the message names the origin), kDeadlineExceeded.
  Task<Result<ClientExchange>> Open(Origin origin, bool fresh = false);
  // A pooled connection, if there is one.
  std::optional<ClientExchange> OpenIdle(const Origin& origin);
  Shard& shard() { return shard_; }
  std::size_t idle_connections() const;
  // Closes the idle connections to `origin` (an engine that was stopped, say).
  void Forget(const Origin& origin);
  // From now on the process `pid`, or one of the group that it leads, has to be who listens on the
  // UNIX socket of `origin`: a connection that another process would take is closed before anything
  // is sent, which is kUnavailable. Idle connections to who listened before are closed.
  void ExpectPeer(const Origin& origin, int pid);

 private:
  friend class ClientExchange;
  void GiveBack(IdleConnections& pool, std::unique_ptr<ClientConnection> connection);
  Task<Result<std::unique_ptr<ClientConnection>>> Connect(const Origin& origin);
  Result<void> LoadTls();
  Result<std::optional<Origin>> ProxyFor(const Origin& origin) const;
  Result<void> CheckAddress(const Origin& origin, const asio::ip::address& address) const;
  Task<Result<std::vector<asio::ip::tcp::endpoint>>> Resolve(const Origin& to);
  Task<Result<void>> ConnectSocket(ClientConnection& connection, const Origin& to, bool checked);
  Result<void> CheckPeer(Socket& socket, const Origin& to) const;
  Task<Result<void>> OpenTunnel(ClientConnection& connection, const Origin& origin);

  Shard& shard_;
  ClientOptions options_;
  std::shared_ptr<TlsContext> tls_;
  std::map<Origin, IdleConnections> pools_;  // as many as there are origins; entries stay
  std::map<Origin, int> peers_;              // likewise
};

// A whole small request: for health probes, the CLI and tests. `fields`: complete header lines,
// each ending in CRLF. `timeout_nanos`: from the open connection to the end of the answer.
struct SimpleResponse {
  int status = 0;
  std::string body;
  std::string content_type;
};
Task<Result<SimpleResponse>> Fetch(HttpClient& client, Origin origin, std::string method,
                                   std::string path, std::string fields, std::string body,
                                   std::int64_t timeout_nanos);

}  // namespace tidegate::net
