#include "net/server.h"

#include <algorithm>
#include <future>
#include <new>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include "net/server_connection.h"
#include "net/task_group.h"

namespace tidegate::net {
namespace {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, Executor>;
using Endpoint = asio::generic::stream_protocol::endpoint;
constexpr int kListenBacklog = 1024;
constexpr auto kAcceptBackoff = std::chrono::milliseconds(100);
constexpr auto kCutGrace = std::chrono::seconds(2);

error_code LastError() { return error_code(errno, boost::system::system_category()); }

Error SystemError(const std::string& what, const ListenAddress& address, const error_code& ec) {
  std::string message = "cannot " + what + " " + address.ToString() + ": " + ec.message();
  if (ec == asio::error::address_in_use) {
    message += "; is Tidegate already running? Choose another address with --listen";
  }
  return Error{ErrorCode::kUnavailable, ErrorSource::kGateway, Retry::kNever, std::move(message)};
}

Endpoint ToEndpoint(const ListenAddress& address) {
  if (!address.unix_path.empty()) {
    return asio::local::stream_protocol::endpoint(address.unix_path);
  }
  error_code ec;
  const asio::ip::address ip = asio::ip::make_address(address.host, ec);
  CHECK(!ec);  // ParseListenAddress makes literal addresses only
  return asio::ip::tcp::endpoint(ip, address.port);
}

// A socket file left by a process that is gone is removed; one that answers is in use, and what is
// no socket is not ours to remove.
void RemoveStaleSocket(const ListenAddress& address, asio::io_context& io) {
  struct stat info {};
  if (lstat(address.unix_path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  Socket probe(io);
  error_code ec;
  probe.connect(ToEndpoint(address), ec);
  if (ec == asio::error::connection_refused) unlink(address.unix_path.c_str());
}

// The kernel knows what port it chose for port 0.
std::uint16_t BoundPort(Acceptor& acceptor) {
  asio::ip::tcp::endpoint bound;
  auto size = static_cast<socklen_t>(bound.capacity());
  CHECK(getsockname(acceptor.native_handle(), bound.data(), &size) == 0);
  return bound.port();
}

// Binds and listens; fills in the port that the kernel chose. `shared`: other shards will bind the
// same address. What accepted sockets need is set here once: they inherit it.
Result<void> BindOne(Acceptor& acceptor, ListenAddress& address, bool shared) {
  const Endpoint endpoint = ToEndpoint(address);
  error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (ec) return SystemError("open a socket for", address, ec);
  const int fd = acceptor.native_handle();
  const int on = 1;
  const bool over_unix = !address.unix_path.empty();
  if (over_unix) {
    // Before bind this is the mode that the file gets: a UNIX socket is for its owner alone.
    if (fchmod(fd, S_IRUSR | S_IWUSR) != 0) return SystemError("protect", address, LastError());
  } else {
    const bool v6 = endpoint.protocol().family() == AF_INET6;
    const bool set = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                     (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
                     (!v6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
                     setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    if (!set) return SystemError("set up", address, LastError());
  }
  acceptor.bind(endpoint, ec);
  if (ec) return SystemError("bind", address, ec);
  acceptor.listen(kListenBacklog, ec);
  if (ec) return SystemError("listen on", address, ec);
  if (!over_unix) address.port = BoundPort(acceptor);
  return {};
}

}  // namespace

struct HttpServer::State {
  struct Listener {
    Acceptor bound;     // to its address; on no shard's loop, since those run already
    Acceptor acceptor;  // the same socket on its shard's, from Start on
    Arrival arrival;
  };
  using OpenHook =
      boost::intrusive::member_hook<ServerConnection, decltype(ServerConnection::open_hook),
                                    &ServerConnection::open_hook>;
  // Touched on its shard's thread only, from Start on.
  struct PerShard {
    explicit PerShard(ServerShard shared) : server(shared), tasks(shared.shard.io()) {}
    ServerShard server;
    std::vector<std::unique_ptr<Listener>> listeners;
    boost::intrusive::list<ServerConnection, OpenHook, boost::intrusive::constant_time_size<false>>
        connections;
    std::size_t open = 0;
    TaskGroup tasks;  // one for each listener and each connection
  };

  State(ShardSet& shards_in, ServerOptions options_in, Handler handler_in, RefusalEncoder refuse_in)
      : shards(shards_in),
        options(std::move(options_in)),
        handler(std::move(handler_in)),
        refuse(std::move(refuse_in)),
        hosts(options.hosts, options.origins) {
    for (std::size_t i = 0; i < shards.size(); ++i) {
      per_shard.push_back(std::make_unique<PerShard>(
          ServerShard{shards[i], options, handler, refuse, hosts, draining}));
    }
  }

  Result<void> Bind(ListenAddress address);
  Acceptor& AddListener(std::size_t shard, const ListenAddress& address);
  Result<void> Start();
  Task<Result<void>> StartShard(PerShard* shard);
  Task<void> Accept(PerShard* shard, Listener* listener);
  Task<void> Serve(PerShard* shard, std::shared_ptr<ServerConnection> connection);
  Task<void> Finish(PerShard* shard);
  Task<std::size_t> Cut(PerShard* shard);
  bool WaitUntilFinished(std::chrono::nanoseconds limit);
  std::size_t CutAll();
  std::size_t Drain(std::chrono::nanoseconds limit);

  ShardSet& shards;
  const ServerOptions options;
  const Handler handler;
  const RefusalEncoder refuse;
  const HostCheck hosts;
  std::atomic<bool> draining{false};
  asio::io_context binding;  // never run
  std::vector<std::unique_ptr<PerShard>> per_shard;
  std::vector<ListenAddress> bound;
  std::atomic<std::size_t> open{0};
  std::vector<std::future<void>> finished;  // of each shard, once draining
};

Acceptor& HttpServer::State::AddListener(std::size_t shard, const ListenAddress& address) {
  Arrival arrival = options.tls && !address.loopback() ? Arrival::kTls : Arrival::kTcp;
  if (!address.unix_path.empty()) arrival = Arrival::kUnix;
  per_shard[shard]->listeners.push_back(std::make_unique<Listener>(
      Listener{Acceptor(binding), Acceptor(shards[shard].io()), arrival}));
  return per_shard[shard]->listeners.back()->bound;
}

Result<void> HttpServer::State::Bind(ListenAddress address) {
  const bool over_unix = !address.unix_path.empty();
  const bool shared = shards.size() > 1 && !over_unix;
  if (over_unix) RemoveStaleSocket(address, binding);
  if (shared) {  // with SO_REUSEPORT a second Tidegate could bind in silence: ask without it first
    Acceptor probe(binding);
    ListenAddress asked = address;
    TIDEGATE_TRY(BindOne(probe, asked, false));
  }
  Acceptor& first = AddListener(0, address);
  TIDEGATE_TRY(BindOne(first, address, shared));
  bound.push_back(address);
  for (std::size_t i = 1; i < shards.size(); ++i) {
    Acceptor& next = AddListener(i, address);
    if (!over_unix) {
      TIDEGATE_TRY(BindOne(next, address, true));
      continue;
    }
    const int fd = fcntl(first.native_handle(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return SystemError("share", address, LastError());
    error_code ec;
    next.assign(ToEndpoint(address).protocol(), fd, ec);
    if (ec) {
      close(fd);
      return SystemError("share", address, ec);
    }
  }
  return {};
}

Result<void> HttpServer::State::Start() {
  for (const auto& shard : per_shard) {
    TIDEGATE_TRY(SpawnFuture(shard->server.shard.io(), StartShard(shard.get())).get());
  }
  return {};
}

Task<Result<void>> HttpServer::State::StartShard(PerShard* shard) {
  for (const auto& listener : shard->listeners) {
    error_code ec;
    const auto protocol = listener->bound.local_endpoint(ec).protocol();
    const int fd = ec ? -1 : listener->bound.release(ec);
    if (!ec) listener->acceptor.assign(protocol, fd, ec);
    if (ec) {
      if (fd >= 0) close(fd);
      co_return Unavailable(ErrorSource::kGateway, "cannot listen: " + ec.message());
    }
    shard->tasks.Spawn(Accept(shard, listener.get()));
  }
  co_return Result<void>();
}

Task<void> HttpServer::State::Accept(PerShard* shard, Listener* listener) {
  while (!draining) {
    auto [ec, socket] = co_await listener->acceptor.async_accept(kAwait);
    if (draining || !listener->acceptor.is_open()) co_return;
    if (ec) {  // out of descriptors or memory: wait for some to come back instead of spinning
      asio::steady_timer pause(shard->server.shard.io(), kAcceptBackoff);
      co_await pause.async_wait(kAwait);
      continue;
    }
    if (shard->open >= options.connections_per_shard_max) continue;  // closes the socket
    shard->tasks.Spawn(Serve(shard, std::make_shared<ServerConnection>(
                                        shard->server, std::move(socket), listener->arrival)));
  }
}

Task<void> HttpServer::State::Serve(PerShard* shard, std::shared_ptr<ServerConnection> connection) {
  shard->connections.push_back(*connection);
  ++shard->open;
  open.fetch_add(1, std::memory_order_relaxed);
  try {
    co_await connection->Run();
  } catch (const std::bad_alloc&) {
    // The connection ends for want of memory, the server does not.
  }
  --shard->open;
  open.fetch_sub(1, std::memory_order_relaxed);
}

// Stops accepting, closes what is idle and waits for the rest.
Task<void> HttpServer::State::Finish(PerShard* shard) {
  error_code ignored;  // a listener that cannot be closed is closed
  for (const auto& listener : shard->listeners) listener->acceptor.close(ignored);
  for (ServerConnection& connection : shard->connections) connection.CloseWhenIdle();
  shard->tasks.Close();
  co_await shard->tasks.Wait();
}

Task<std::size_t> HttpServer::State::Cut(PerShard* shard) {
  std::size_t cut = 0;
  for (ServerConnection& connection : shard->connections) cut += connection.Cut();
  co_return cut;
}

std::size_t HttpServer::State::CutAll() {
  std::size_t cut = 0;
  for (const auto& shard : per_shard) {
    cut += SpawnFuture(shard->server.shard.io(), Cut(shard.get())).get();
  }
  return cut;
}

bool HttpServer::State::WaitUntilFinished(std::chrono::nanoseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  return std::all_of(finished.begin(), finished.end(), [&](std::future<void>& shard) {
    return shard.wait_until(until) == std::future_status::ready;
  });
}

std::size_t HttpServer::State::Drain(std::chrono::nanoseconds limit) {
  if (draining.exchange(true)) return 0;
  for (const auto& shard : per_shard) {
    finished.push_back(SpawnFuture(shard->server.shard.io(), Finish(shard.get())));
  }
  std::size_t cut = 0;
  if (!WaitUntilFinished(limit)) {
    cut = CutAll();
    WaitUntilFinished(kCutGrace);
  }
  for (const ListenAddress& address : bound) {
    if (!address.unix_path.empty()) unlink(address.unix_path.c_str());
  }
  return cut;
}

HttpServer::HttpServer(ShardSet& shards, ServerOptions options, Handler handler,
                       RefusalEncoder refuse)
    : state_(std::make_unique<State>(shards, std::move(options), std::move(handler),
                                     std::move(refuse))) {}

HttpServer::~HttpServer() {
  if (!state_->shards.running()) return;
  state_->Drain({});
  for (std::future<void>& shard : state_->finished) shard.wait();
}

Result<void> HttpServer::Listen() {
  for (const ListenAddress& address : state_->options.listen) TIDEGATE_TRY(state_->Bind(address));
  return state_->Start();
}

const std::vector<ListenAddress>& HttpServer::bound() const { return state_->bound; }
std::size_t HttpServer::connections() const { return state_->open.load(std::memory_order_relaxed); }

std::size_t HttpServer::Drain() {
  return state_->Drain(std::chrono::nanoseconds(state_->options.drain_nanos));
}

std::string_view StatusText(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 529:
      return "Overloaded";
    default:
      return "Unknown";
  }
}

}  // namespace tidegate::net
