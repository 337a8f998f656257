// A client on a shard of its own, what it asks and what comes of it. For tests; not part of the
// program.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "net/client.h"
#include "net/server.h"
#include "net/testing/on_shard.h"
#include "net/testing/raw_server.h"

namespace tidegate::net::testing {

inline constexpr std::size_t kAnswerBytesMax = 1024 * 1024;

inline Origin Local(std::uint16_t port) { return {Scheme::kHttp, "127.0.0.1", port, ""}; }

// What a request came to: the whole exchange in one value.
struct Outcome {
  int status = 0;
  std::string body;
  int pieces = 0;
  bool reused = false, answered = false;
  std::optional<Error> error;
};

struct Request {
  std::string bytes = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
  bool head = false, fresh = false, whole = false;
  std::size_t size_max = kAnswerBytesMax;
  std::int64_t stall_nanos = 20 * kSecond;
};

inline Task<Outcome> Ask(HttpClient& client, Origin origin, Request request) {
  Outcome out;
  Result<ClientExchange> exchange = co_await client.Open(std::move(origin), request.fresh);
  if (!exchange.ok()) {
    out.error = exchange.error();
    co_return out;
  }
  out.reused = exchange->reused();
  exchange->SetStallTimeout(request.stall_nanos);
  const std::string_view pieces[] = {request.bytes};
  const Result<void> sent = co_await exchange->Send(pieces);
  if (!sent.ok()) out.error = sent.error();
  const Result<const HttpHead*> head = co_await exchange->ReadHead(request.head);
  out.answered = exchange->answered();
  if (!head.ok()) {
    out.error = head.error();
    co_return out;
  }
  out.status = (*head)->status();
  while (true) {
    // Two statements: g++ 12 destroys the result of a conditional co_await twice.
    Result<std::string_view> piece = std::string_view();
    if (request.whole) piece = co_await exchange->ReadAll(request.size_max);
    if (!request.whole) piece = co_await exchange->ReadBody();
    if (!piece.ok()) {
      out.error = piece.error();
      co_return out;
    }
    out.body += *piece;
    out.pieces += piece->empty() ? 0 : 1;
    for (std::size_t i = 0; i < kPaddingBytes; ++i) {  // the sanitizers watch this
      const volatile char padding = piece->empty() ? '\0' : piece->data()[piece->size() + i];
      (void)padding;
    }
    if (request.whole || piece->empty()) co_return out;
  }
}

class ClientTest : public ::testing::Test {
 protected:
  ~ClientTest() override {
    OnShard([this] { client_.reset(); });
    server_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  template <typename Work>
  void OnShard(Work work) {
    testing::OnShard(shards_[0], std::move(work));
  }
  template <typename T>
  T Run(Task<T> task) {
    return RunOnShard(shards_[0], std::move(task));
  }
  Outcome Get(Origin origin, Request request = {}) {
    return Run(Ask(*client_, std::move(origin), std::move(request)));
  }
  void UseClient(ClientOptions options) {
    OnShard([&] { client_ = std::make_unique<HttpClient>(shards_[0], std::move(options)); });
  }
  std::size_t Idle() {
    std::size_t idle = 0;
    OnShard([&] { idle = client_->idle_connections(); });
    return idle;
  }
  // Answers every request on every connection with `answer`.
  static std::function<void(RawPeer&)> Always(std::string answer) {
    return [answer = std::move(answer)](RawPeer& peer) {
      while (peer.ReadThrough("\r\n\r\n").ends_with("\r\n\r\n")) peer.Send(answer);
    };
  }
  // Answers one request and closes.
  static std::function<void(RawPeer&)> Once(std::string answer) {
    return [answer = std::move(answer)](RawPeer& peer) {
      peer.ReadThrough("\r\n\r\n");
      peer.Send(answer);
    };
  }
  // The outcome of one request to a server that answers and closes.
  Outcome GetOnce(std::string answer, Request request = {}) {
    const RawServer server(Once(std::move(answer)));
    return Get(Local(server.port()), std::move(request));
  }
  std::string NewPath(const std::string& name) {
    if (directory_.empty()) {
      std::string pattern = (std::filesystem::temp_directory_path() / "net_test_XXXXXX").string();
      directory_ = mkdtemp(pattern.data());
    }
    return (directory_ / name).string();
  }
  // An HttpServer on the same shard that says hello.
  void Serve(const std::string& address, std::shared_ptr<TlsContext> tls = nullptr) {
    ServerOptions options;
    options.listen = {*ParseListenAddress(address)};
    options.tls = std::move(tls);
    server_ = std::make_unique<HttpServer>(
        shards_, std::move(options),
        [](Exchange& exchange) -> Task<void> {
          (void)co_await exchange.Respond(200, "content-type: text/plain\r\n",
                                          exchange.secure() ? "secure" : "plain");
        },
        [](std::string_view, const Error& error) {
          return RefusalBody{error.message, "text/plain"};
        });
    const Result<void> listening = server_->Listen();
    ASSERT_TRUE(listening.ok()) << Describe(listening.error());
  }

  ShardSet shards_{1};
  std::unique_ptr<HttpClient> client_ = std::make_unique<HttpClient>(shards_[0], ClientOptions{});
  std::unique_ptr<HttpServer> server_;
  std::filesystem::path directory_;
};

inline constexpr const char* kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

}  // namespace tidegate::net::testing
