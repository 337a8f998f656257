// A server with handlers that do what a test wants of them. Not part of the program.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "net/server.h"
#include "net/testing/raw_client.h"

namespace tidegate::net::testing {

inline constexpr std::size_t kBodyBytesMax = 100'000;
inline constexpr std::size_t kBigBytes = 64 * 1024 * 1024;

// What handlers and tests tell each other.
struct Board {
  std::promise<void> waiting;           // a handler has begun to wait
  std::promise<ErrorCode> interrupted;  // why its wait ended
  std::promise<void> write_failed;
  std::atomic<asio::steady_timer*> gate{nullptr};  // what "/gate" waits for
};

inline Task<void> WaitUntilCancelled(Exchange& exchange, Board& board) {
  asio::steady_timer never(exchange.shard().io(), asio::steady_timer::time_point::max());
  const CancelToken::Scope scope(exchange.cancel(), [&never] { never.cancel(); });
  board.waiting.set_value();
  co_await never.async_wait(kAwait);
  board.interrupted.set_value(exchange.cancel().why());
}

inline Task<void> Echo(Exchange& exchange) {
  const std::string method(exchange.head().method());
  const Result<std::string_view> body = co_await exchange.ReadBody(kBodyBytesMax);
  if (!body.ok()) {
    const int status =
        body.error().reason == "request_timeout" ? 408 : HttpStatus(body.error().code);
    (void)co_await exchange.Respond(status, "", body.error().message);
    co_return;
  }
  const std::string_view pieces[] = {method, ":", *body};
  (void)co_await exchange.Respond(200, "content-type: text/plain\r\n", pieces);
}

// Reads piece by piece, slowly where the query says so; stops early where it says that.
inline Task<void> Pieces(Exchange& exchange) {
  const std::string query(exchange.head().query());
  std::size_t bytes = 0, largest = 0, sum = 0;
  while (true) {
    const Result<std::string_view> piece = co_await exchange.ReadBodyPiece();
    if (!piece.ok()) {
      (void)co_await exchange.Respond(HttpStatus(piece.error().code), "", piece.error().message);
      co_return;
    }
    if (piece->empty() || query == "stop") break;
    bytes += piece->size();
    largest = std::max(largest, piece->size());
    for (const char c : *piece) sum = sum * 31 + static_cast<unsigned char>(c);
    if (query == "slow") {
      asio::steady_timer pause(exchange.shard().io(), std::chrono::milliseconds(30));
      co_await pause.async_wait(kAwait);
    }
  }
  const bool small = largest <= 2 * 1024 * 1024;
  const std::string said = std::to_string(bytes) + (small ? " small " : " large ");
  (void)co_await exchange.Respond(200, "", said + std::to_string(sum));
}

inline Task<void> Stream(Exchange& exchange) {
  (void)co_await exchange.BeginStream(200, "content-type: text/plain\r\n", false);
  for (const char* piece : {"one", "", "two", "three"}) {
    const std::string_view pieces[] = {piece};
    (void)co_await exchange.WriteStream(pieces);
  }
  (void)co_await exchange.EndStream();
}

// Streams "first", waits for the test, streams "last".
inline Task<void> Gate(Exchange& exchange, Board& board) {
  asio::steady_timer gate(exchange.shard().io(), asio::steady_timer::time_point::max());
  const CancelToken::Scope scope(exchange.cancel(), [&gate] { gate.cancel(); });
  (void)co_await exchange.BeginStream(200, "", true);
  const std::string_view first[] = {"first"};
  (void)co_await exchange.WriteStream(first);
  board.gate = &gate;
  board.waiting.set_value();
  co_await gate.async_wait(kAwait);
  board.gate = nullptr;
  if (exchange.cancel().cancelled()) co_return;
  const std::string_view last[] = {"last"};
  (void)co_await exchange.WriteStream(last);
  (void)co_await exchange.EndStream();
}

inline Task<void> Cut(Exchange& exchange, bool abort) {
  (void)co_await exchange.BeginStream(200, "", false);
  const std::string_view part[] = {"part"};
  (void)co_await exchange.WriteStream(part);
  if (abort) exchange.AbortStream();
}

inline Task<void> Big(Exchange& exchange, Board& board) {
  const std::string body(kBigBytes, 'x');
  const Result<void> sent = co_await exchange.Respond(200, "", body);
  if (!sent.ok()) board.write_failed.set_value();
}

inline Task<void> Serve(Exchange& exchange, Board& board) {
  const std::string path(exchange.head().path());
  if (path == "/echo") {
    co_await Echo(exchange);
  } else if (path == "/pieces") {
    co_await Pieces(exchange);
  } else if (path == "/stream") {
    co_await Stream(exchange);
  } else if (path == "/gate") {
    co_await Gate(exchange, board);
  } else if (path == "/abort" || path == "/unfinished") {
    co_await Cut(exchange, path == "/abort");
  } else if (path == "/wait") {
    co_await WaitUntilCancelled(exchange, board);
  } else if (path == "/body_then_wait") {
    (void)co_await exchange.ReadBody(kBodyBytesMax);
    co_await WaitUntilCancelled(exchange, board);
  } else if (path == "/deadline") {
    exchange.SetDeadline(MonotonicNow() + 20 * kMillisecond);
    co_await WaitUntilCancelled(exchange, board);
    (void)co_await exchange.Respond(504, "", "late");
  } else if (path == "/big") {
    co_await Big(exchange, board);
  } else if (path == "/no_content") {
    (void)co_await exchange.Respond(204, "", "ignored");
  } else if (path != "/silent") {
    (void)co_await exchange.Respond(200, "x-test: yes\r\n", "hello");
  }
}

inline RefusalBody Refusal(std::string_view path, const Error& error) {
  return {std::string(path) + "|" + error.message, "text/x-refusal"};
}

// Time-outs of which one is short.
inline ServerOptions Short(std::int64_t ServerTimeouts::*which) {
  ServerOptions options;
  options.timeouts.*which = 100 * kMillisecond;
  return options;
}

class ServerTest : public ::testing::Test {
 protected:
  ~ServerTest() override {
    server_.reset();
    shards_.reset();
    std::filesystem::remove_all(directory_);
  }

  Result<void> TryListen(ServerOptions options, std::size_t shards = 1) {
    server_.reset();
    shards_ = std::make_unique<ShardSet>(shards);
    server_ = std::make_unique<HttpServer>(
        *shards_, std::move(options),
        [board = &board_](Exchange& exchange) { return Serve(exchange, *board); }, Refusal);
    return server_->Listen();
  }
  void Listen(ServerOptions options = {}, const std::string& address = "127.0.0.1:0") {
    options.listen = {*ParseListenAddress(address)};
    const Result<void> listening = TryListen(std::move(options));
    ASSERT_TRUE(listening.ok()) << Describe(listening.error());
  }
  std::uint16_t port() const { return server_->bound()[0].port; }
  RawClient Connect() const {
    RawClient client = RawClient::Tcp(port());
    EXPECT_TRUE(client.connected());
    return client;
  }
  // The answer to one request on a connection of its own.
  std::string Ask(const std::string& request) const {
    RawClient client = Connect();
    EXPECT_TRUE(client.Send(request));
    client.EndSending();
    return client.ReadToEnd();
  }
  std::string NewPath(const std::string& name) {
    if (directory_.empty()) {
      std::string pattern = (std::filesystem::temp_directory_path() / "net_test_XXXXXX").string();
      directory_ = mkdtemp(pattern.data());
    }
    return (directory_ / name).string();
  }
  void OpenGate() {
    (*shards_)[0].Post([this] {
      if (asio::steady_timer* gate = board_.gate) gate->cancel();
    });
  }
  template <typename T>
  static bool Comes(std::future<T>& future, std::chrono::milliseconds within) {
    return future.wait_for(within) == std::future_status::ready;
  }

  Board board_;
  std::filesystem::path directory_;
  std::unique_ptr<ShardSet> shards_;
  std::unique_ptr<HttpServer> server_;
};

inline constexpr auto kSoon = std::chrono::milliseconds(100);
inline constexpr auto kPatience = std::chrono::seconds(20);

inline std::string Get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}
inline std::string Post(const std::string& path, const std::string& body,
                        const std::string& fields = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string Body(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

}  // namespace tidegate::net::testing
