#include <filesystem>
#include <fstream>
#include <future>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "net/server.h"
#include "net/testing/raw_client.h"
#include "net/testing/server_fixture.h"

namespace tidegate::net::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// --- Listening -----------------------------------------------------------------------------------

TEST_F(ServerTest, ConnectionsBeyondTheLimitAreClosed) {
  ServerOptions options;
  options.connections_per_shard_max = 2;
  Listen(std::move(options));
  RawClient first = Connect(), second = Connect();
  first.Send(Get("/"));
  second.Send(Get("/"));
  EXPECT_THAT(first.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(second.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  RawClient third = Connect();
  EXPECT_TRUE(third.AtEnd());
  first.Send(Get("/"));
  EXPECT_THAT(first.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, ASecondServerOnTheSameAddressIsToldWhatToDo) {
  for (const std::size_t shards : {1U, 2U}) {
    ServerOptions options;
    options.listen = {*ParseListenAddress("127.0.0.1:0")};
    ASSERT_TRUE(TryListen(options, shards).ok());
    options.listen = server_->bound();
    for (const std::size_t others : {1U, 2U}) {
      ShardSet other_shards(others);
      HttpServer other(
          other_shards, options, [this](Exchange& exchange) { return Serve(exchange, board_); },
          Refusal);
      const Result<void> listening = other.Listen();
      ASSERT_FALSE(listening.ok()) << shards << " and " << others;
      EXPECT_EQ(listening.error().code, ErrorCode::kUnavailable);
      EXPECT_THAT(listening.error().message,
                  HasSubstr("is Tidegate already running? Choose another address with --listen"));
      EXPECT_THAT(listening.error().message, HasSubstr(server_->bound()[0].ToString()));
    }
    EXPECT_THAT(Ask(Get("/")), StartsWith("HTTP/1.1 200"));
  }
}

TEST_F(ServerTest, AllShardsOfAServerShareItsAddress) {
  ServerOptions options;
  options.listen = {*ParseListenAddress("127.0.0.1:0"),
                    *ParseListenAddress("unix:" + NewPath("s"))};
  ASSERT_TRUE(TryListen(options, 3).ok());
  for (int i = 0; i < 30; ++i) {
    EXPECT_THAT(Ask(Get("/")), StartsWith("HTTP/1.1 200"));
    RawClient client = RawClient::Unix(server_->bound()[1].unix_path);
    client.Send(Get("/"));
    EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  }
}

TEST_F(ServerTest, Ipv6IsServedOnItsOwn) {
  Listen({}, "[::1]:0");
  RawClient client = RawClient::Tcp6(port());
  ASSERT_TRUE(client.connected());
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  EXPECT_FALSE(RawClient::Tcp(port()).connected());
}

TEST_F(ServerTest, AUnixSocketIsForItsOwnerAloneAndGoesWithTheServer) {
  const std::string path = NewPath("s");
  Listen({}, "unix:" + path);
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  RawClient client = RawClient::Unix(path);
  client.Send("GET / HTTP/1.1\r\nHost: anything\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ServerTest, ALiveUnixSocketIsNotTaken) {
  const std::string path = NewPath("s");
  Listen({}, "unix:" + path);
  ShardSet other_shards(1);
  ServerOptions options;
  options.listen = {*ParseListenAddress("unix:" + path)};
  {
    HttpServer other(
        other_shards, options, [this](Exchange& exchange) { return Serve(exchange, board_); },
        Refusal);
    const Result<void> listening = other.Listen();
    ASSERT_FALSE(listening.ok());
    EXPECT_THAT(listening.error().message, HasSubstr("already running"));
  }
  RawClient client = RawClient::Unix(path);  // the loser has not removed it either
  EXPECT_TRUE(client.connected());
}

TEST_F(ServerTest, AUnixSocketLeftBehindIsReplaced) {
  const std::string path = NewPath("s");
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    close(fd);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  Listen({}, "unix:" + path);
  RawClient client = RawClient::Unix(path);
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, AFileInThePlaceOfAUnixSocketIsLeftAlone) {
  const std::string path = NewPath("precious");
  std::ofstream(path) << "data";
  ServerOptions options;
  options.listen = {*ParseListenAddress("unix:" + path)};
  EXPECT_FALSE(TryListen(options).ok());
  server_.reset();
  std::string content;
  std::ifstream(path) >> content;
  EXPECT_EQ(content, "data");
}

// --- Drain ---------------------------------------------------------------------------------------

TEST_F(ServerTest, DrainClosesIdleConnectionsAndLetsStreamsFinish) {
  Listen();
  RawClient idle = Connect();
  idle.Send(Get("/"));
  idle.ReadAnswer();
  auto waiting = board_.waiting.get_future();
  RawClient busy = Connect();
  busy.Send(Get("/gate"));
  waiting.wait();
  auto drained = std::async(std::launch::async, [this] { return server_->Drain(); });
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_FALSE(RawClient::Tcp(port()).connected());
  OpenGate();
  EXPECT_THAT(busy.ReadToEnd(), EndsWith("4\r\nlast\r\n0\r\n\r\n"));
  busy.Close();
  EXPECT_EQ(drained.get(), 0U);
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(ServerTest, DrainCutsWhatDoesNotFinishInTime) {
  ServerOptions options;
  options.drain_nanos = 50 * kMillisecond;
  Listen(std::move(options));
  auto waiting = board_.waiting.get_future();
  RawClient busy = Connect();
  busy.Send(Get("/gate"));
  waiting.wait();
  EXPECT_EQ(server_->Drain(), 1U);
  EXPECT_THAT(busy.ReadToEnd(), EndsWith("5\r\nfirst\r\n"));
  EXPECT_EQ(server_->connections(), 0U);
  EXPECT_EQ(server_->Drain(), 0U);
}

TEST_F(ServerTest, AServerThatNeverListenedIsDestroyedQuietly) {
  ServerOptions options;
  options.listen = {*ParseListenAddress("127.0.0.1:0")};
  ShardSet shards(2);
  const HttpServer server(
      shards, options, [this](Exchange& exchange) { return Serve(exchange, board_); }, Refusal);
  EXPECT_EQ(server.connections(), 0U);
}

TEST_F(ServerTest, StoppedShardsTakeOpenConnectionsWithThem) {
  Listen();
  RawClient idle = Connect();
  idle.Send(Get("/"));
  idle.ReadAnswer();
  auto waiting = board_.waiting.get_future();
  RawClient busy = Connect();
  busy.Send(Get("/wait"));
  waiting.wait();
  shards_->Stop();
  server_.reset();
  shards_.reset();
  EXPECT_TRUE(idle.AtEnd());
}

}  // namespace
}  // namespace tidegate::net::testing
