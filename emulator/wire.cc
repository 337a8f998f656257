#include "emulator/wire.h"

#include <algorithm>
#include <tuple>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include "base/ascii.h"
#include "base/check.h"
#include "net/buffer.h"
#include "net/deadline.h"
#include "net/http_head.h"
#include "net/sleep.h"
#include "net/stream.h"
#include "net/task_group.h"

namespace tidegate::emulator {
namespace {

using net::asio::ip::tcp;
using TcpSocket = net::asio::basic_stream_socket<tcp, net::Executor>;
using TcpAcceptor = net::asio::basic_socket_acceptor<tcp, net::Executor>;

constexpr std::size_t kRelayReadBytes = 16 * 1024;
constexpr std::int64_t kAcceptRetryDelay = 50 * net::kMillisecond;  // out of descriptors, say
// A chunk of 1024 bytes is promised, these come.
constexpr std::string_view kTruncatedChunk = "400\r\ndata: {\"choices\":[{";

Error NetworkError(const net::ListenAddress& address, const net::error_code& ec) {
  return Unavailable(ErrorSource::kGateway,
                     fmt::format("cannot listen on {}: {}; give another --listen",
                                 address.ToString(), ec.message()));
}

void CloseByReset(net::Stream& stream) {
  const linger now{1, 0};
  setsockopt(stream.socket().native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  stream.Close();
}

// Where one answer ends, found by reading along.
class AnswerEnd {
 public:
  void Begin(const net::HttpHead& head) {
    chunked_ = head.chunked();
    left_ = head.content_length().value_or(0);
    until_close_ = !chunked_ && !head.content_length();
    chunks_.Reset();
  }
  // How many bytes of `input` belong to this answer. A broken chunk makes the rest of the
  // connection belong to it.
  std::size_t Take(std::string_view input) {
    if (until_close_) return input.size();
    if (!chunked_) {
      const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      left_ -= taken;
      return taken;
    }
    std::size_t taken = 0;
    while (taken < input.size() && !chunks_.done()) {
      const Result<net::ChunkReader::Step> step = chunks_.Next(input.substr(taken));
      if (!step) until_close_ = true;
      if (!step || step->consumed == 0) break;
      taken += step->consumed;
    }
    return until_close_ ? input.size() : taken;
  }
  bool done() const { return !until_close_ && (chunked_ ? chunks_.done() : left_ == 0); }

 private:
  bool chunked_ = false, until_close_ = false;
  std::uint64_t left_ = 0;
  net::ChunkReader chunks_;
};

// One client's connection and its own connection to the server. Lives on one shard, in its
// coroutine.
class Link {
 public:
  Link(net::Shard& shard, net::Socket client, net::Socket server)
      : shard_(shard),
        client_(std::move(client), shard.turn()),
        server_(std::move(server), shard.turn()) {}

  net::Task<void> Run() {
    net::TaskGroup group(shard_.io());
    group.Spawn(PassUp());
    co_await PassDown();
    co_await group.Wait();
  }

 private:
  struct Spoiling {
    Faults faults;
    bool drop = false;
  };
  net::Task<void> PassUp();
  net::Task<void> PassDown();
  net::Task<bool> PassHead();  // false = more bytes are needed or the connection is over
  net::Task<bool> PassBody();
  net::Task<bool> Emit(std::string_view head, std::string_view body);
  net::Task<void> End();
  std::string SpoilHead(const net::HttpHead& head, std::string_view text);

  net::Shard& shard_;
  net::Stream client_, server_;
  net::ReadBuffer down_;
  net::HeadReader heads_{net::HeadKind::kResponse};
  AnswerEnd end_;
  Spoiling spoiling_;
  std::string head_;  // spoilt, waiting for the first bytes of its body
  bool in_body_ = false;
};

net::Task<void> Link::PassUp() {
  net::ReadBuffer up;
  while (true) {
    char* into = up.Prepare(kRelayReadBytes);
    const Result<std::size_t> got = co_await client_.ReadSome(into, up.writable());
    if (!got.ok() || *got == 0) break;
    const std::string_view pieces[] = {{into, *got}};
    if (!(co_await server_.Write(pieces)).ok()) break;
  }
  client_.Close();
  server_.Close();
}

net::Task<void> Link::PassDown() {
  while (true) {
    char* into = down_.Prepare(kRelayReadBytes);
    const Result<std::size_t> got = co_await server_.ReadSome(into, down_.writable());
    if (!got.ok() || *got == 0) break;
    down_.Commit(*got);
    bool more = true;
    while (more && !down_.empty()) {
      if (in_body_) {
        more = co_await PassBody();
      } else {
        more = co_await PassHead();
      }
    }
  }
  co_await End();
}

net::Task<bool> Link::PassHead() {
  const Result<bool> ready = heads_.Read(down_.data());
  CHECK(ready.ok());  // our own server wrote it
  if (!*ready) co_return false;
  const net::HttpHead& head = heads_.head();
  const std::string_view text = down_.data().substr(0, head.size());
  head_ = SpoilHead(head, text);
  down_.Consume(text.size());
  if (head.status() >= 200) {  // else a head without a body, as 100 Continue
    end_.Begin(head);
    in_body_ = true;
  }
  heads_.Reset();
  if (!down_.empty() && in_body_) co_return true;
  const bool sent = co_await Emit(head_, {});
  head_.clear();
  if (in_body_ && end_.done()) in_body_ = false;
  co_return sent;
}

net::Task<bool> Link::PassBody() {
  const std::size_t size = end_.Take(down_.data());
  const bool sent = co_await Emit(head_, down_.data().substr(0, size));
  head_.clear();
  down_.Consume(size);
  if (end_.done()) {
    in_body_ = false;
    if (spoiling_.faults.content_length)
      server_.Close();  // no next answer could be told from this one
  }
  co_return sent&& server_.open();
}

net::Task<bool> Link::Emit(std::string_view head, std::string_view body) {
  if (spoiling_.drop) co_return true;
  if (!spoiling_.faults.byte_by_byte.value_or(false)) {
    const std::string_view pieces[] = {head, body};
    co_return (co_await client_.Write(pieces)).ok();
  }
  for (const std::string_view part : {head, body}) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      const std::string_view piece[] = {part.substr(i, 1)};
      if (!(co_await client_.Write(piece)).ok()) co_return false;
    }
  }
  co_return true;
}

// The server closed. Whether in order or in the middle of an answer, so does the client's
// connection, in the way asked for.
net::Task<void> Link::End() {
  if (spoiling_.faults.truncated_chunk.value_or(false) && in_body_) {
    co_await Emit(kTruncatedChunk, {});
  }
  if (spoiling_.faults.rst.value_or(false)) {
    CloseByReset(client_);
  } else {
    client_.Close();
  }
  server_.Close();
}

// The head for the client: without our field, and with the Content-Length that was asked for.
std::string Link::SpoilHead(const net::HttpHead& head, std::string_view text) {
  spoiling_ = Spoiling();
  const auto field = head.Find(kWireFieldName);
  if (!field) return std::string(text);
  const Result<Faults> faults = ParseFaults(*field);
  CHECK(faults.ok());  // WireField wrote it
  spoiling_.faults = *faults;
  spoiling_.drop = faults->drop.value_or(false);
  std::string out(text.substr(0, text.find("\r\n") + 2));
  for (std::size_t i = 0; i < head.fields(); ++i) {
    if (EqualsIgnoreCase(head.name(i), kWireFieldName)) continue;
    if (EqualsIgnoreCase(head.name(i), "content-length")) {
      const auto length = static_cast<std::int64_t>(*head.content_length());
      const std::int64_t wrong = length + faults->content_length.value_or(0);
      out += fmt::format("content-length: {}\r\n", std::max<std::int64_t>(0, wrong));
    } else {
      out += fmt::format("{}: {}\r\n", head.name(i), head.value(i));
    }
  }
  out += "\r\n";
  return out;
}

}  // namespace

std::string WireField(const Faults& faults, bool drop) {
  std::string words;
  if (drop) words += ",drop";
  if (faults.rst.value_or(false)) words += ",rst";
  if (faults.byte_by_byte.value_or(false)) words += ",byte_by_byte";
  if (faults.truncated_chunk.value_or(false)) words += ",truncated_chunk";
  if (faults.content_length) words += fmt::format(",content_length={}", *faults.content_length);
  if (words.empty()) return words;
  return fmt::format("{}: {}\r\n", kWireFieldName, std::string_view(words).substr(1));
}

// Listens and accepts on one shard, and owns the connections there. Touched on that shard alone,
// but for Open before Start.
class Wire::Door {
 public:
  Door(Wire& wire, net::Shard& shard)
      : wire_(wire), shard_(shard), acceptor_(shard.io()), tasks_(shard.io()) {}

  Result<void> Open();
  std::uint16_t port() const { return port_; }
  void Start() { tasks_.Spawn(AcceptAll()); }
  void RefuseUntil(std::int64_t monotonic_nanos);

 private:
  net::Task<void> AcceptAll();
  net::Task<void> ReopenInTime();
  net::Task<void> Connect(TcpSocket client);
  bool TakeReset();

  Wire& wire_;
  net::Shard& shard_;
  TcpAcceptor acceptor_;
  net::TaskGroup tasks_;
  std::uint16_t port_ = 0;
  std::int64_t refuse_until_ = 0;  // monotonic nanoseconds
};

Result<void> Wire::Door::Open() {
  net::error_code ec;
  const auto address = net::asio::ip::make_address(wire_.listen_.host, ec);
  if (ec) return NetworkError(wire_.listen_, ec);
  const tcp::endpoint endpoint(address, wire_.listen_.port);
  const auto step = [&](auto&& act) {
    if (!ec) act();
  };
  using SharePort = net::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
  step([&] { acceptor_.open(endpoint.protocol(), ec); });
  step([&] { acceptor_.set_option(net::asio::socket_base::reuse_address(true), ec); });
  step([&] { acceptor_.set_option(SharePort(wire_.shards_.size() > 1), ec); });
  step([&] { acceptor_.bind(endpoint, ec); });
  step([&] { acceptor_.listen(net::asio::socket_base::max_listen_connections, ec); });
  step([&] { port_ = acceptor_.local_endpoint(ec).port(); });
  if (!ec) return Result<void>();
  net::error_code ignored;  // the first error is the one to tell
  acceptor_.close(ignored);
  return NetworkError(wire_.listen_, ec);
}

net::Task<void> Wire::Door::AcceptAll() {
  while (true) {
    auto [ec, socket] = co_await acceptor_.async_accept(net::kAwait);
    if (ec) {
      co_await ReopenInTime();
    } else if (TakeReset()) {
      net::Stream stream(net::Socket(std::move(socket)), shard_.turn());
      CloseByReset(stream);
    } else {
      tasks_.Spawn(Connect(std::move(socket)));
    }
  }
}

bool Wire::Door::TakeReset() {
  std::int64_t left = wire_.resets_left_;
  while (left > 0 && !wire_.resets_left_.compare_exchange_weak(left, left - 1)) {
  }
  return left > 0;
}

// After a failed accept: waits until a refusal is over, or until what was missing may be there, and
// listens again.
net::Task<void> Wire::Door::ReopenInTime() {
  net::SleepTimer timer(shard_);
  while (true) {
    const std::int64_t retry_at = net::MonotonicNow() + kAcceptRetryDelay;
    co_await timer.SleepUntil(tasks_.cancel(), std::max(refuse_until_, retry_at));
    if (net::MonotonicNow() < refuse_until_) continue;
    if (acceptor_.is_open() || Open().ok()) co_return;
  }
}

net::Task<void> Wire::Door::Connect(TcpSocket client) {
  TcpSocket server(shard_.io());
  net::error_code ec;
  const tcp::endpoint endpoint(net::asio::ip::make_address(wire_.server_.host, ec),
                               wire_.server_.port);
  if (ec) co_return;
  std::tie(ec) = co_await server.async_connect(endpoint, net::kAwait);
  if (ec) co_return;  // the client's connection closes with us: the server is out of descriptors
  Link link(shard_, net::Socket(std::move(client)), net::Socket(std::move(server)));
  co_await link.Run();
}

void Wire::Door::RefuseUntil(std::int64_t monotonic_nanos) {
  refuse_until_ = monotonic_nanos;
  net::error_code ignored;  // closing is all that is wanted
  acceptor_.close(ignored);
}

Wire::Wire(net::ShardSet& shards, net::ListenAddress listen, net::ListenAddress server)
    : shards_(shards), listen_(std::move(listen)), server_(std::move(server)) {}

Wire::~Wire() = default;

Result<void> Wire::Listen() {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    doors_.push_back(std::make_unique<Door>(*this, shards_[i]));
    TIDEGATE_TRY(doors_.back()->Open());
    listen_.port = doors_.front()->port();
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i].Post([door = doors_[i].get()] { door->Start(); });
  }
  return Result<void>();
}

void Wire::RefuseFor(std::int64_t nanos) {
  const std::int64_t until = net::MonotonicNow() + nanos;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i].Post([door = doors_[i].get(), until] { door->RefuseUntil(until); });
  }
}

}  // namespace tidegate::emulator
