#include <atomic>
#include <future>
#include <limits>
#include <string>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "net/client.h"
#include "net/testing/client_fixture.h"

namespace tidegate::net {
namespace {

using testing::ClientTest;
using testing::kHello;
using testing::Local;
using testing::Outcome;
using testing::RawPeer;
using testing::RawServer;
using testing::Request;

TEST_F(ClientTest, AConnectionIsUsedAgain) {
  const RawServer server(Always(kHello));
  EXPECT_FALSE(Get(Local(server.port())).reused);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Get(Local(server.port())).reused);
  EXPECT_EQ(server.accepted(), 1);
  EXPECT_EQ(Idle(), 1U);
  OnShard([this] { client_.reset(); });
}

TEST_F(ClientTest, AFreshConnectionIsNeverAPooledOne) {
  Serve("127.0.0.1:0");
  const Origin origin = Local(server_->bound()[0].port);
  Get(origin);
  Request request;
  request.fresh = true;
  EXPECT_FALSE(Get(origin, request).reused);
  EXPECT_EQ(Idle(), 2U);
}

TEST_F(ClientTest, APooledConnectionThatTheServerHasClosedIsNotUsed) {
  std::promise<void> close, closed;
  const RawServer server([&, first = true](RawPeer& peer) mutable {
    peer.ReadThrough("\r\n\r\n");
    peer.Send(kHello);
    if (std::exchange(first, false)) close.get_future().wait();
  });
  const Outcome one = Get(Local(server.port()));
  EXPECT_EQ(one.body, "hello");
  close.set_value();
  // The second connection is accepted after the first was closed; a probe before that finds the
  // pooled one open, or closed: either way no answer is lost for good.
  OnShard([this] { client_->Forget(Origin{Scheme::kHttp, "nobody", 1, ""}); });
  Outcome two = Get(Local(server.port()));
  if (two.error) {
    EXPECT_TRUE(two.reused);
    EXPECT_FALSE(two.answered);
    EXPECT_EQ(two.error->code, ErrorCode::kUnavailable);
    Request request;
    request.fresh = true;
    two = Get(Local(server.port()), request);
  }
  EXPECT_EQ(two.body, "hello");
}

// As llama-server does behind every streamed answer.
TEST_F(ClientTest, AUnixSocketThatTheServerHasJustClosedIsNotUsed) {
  std::promise<void> closed;
  const std::string path = NewPath("s");
  const RawServer server(
      [&, first = true](RawPeer& peer) mutable {
        peer.ReadThrough("\r\n\r\n");
        peer.Send(kHello);
        if (!std::exchange(first, false)) return;
        shutdown(peer.fd(), SHUT_RDWR);
        closed.set_value();
      },
      path);
  const Origin origin{Scheme::kUnix, "", 0, path};
  EXPECT_EQ(Get(origin).body, "hello");
  closed.get_future().wait();
  const Outcome next = Get(origin);
  EXPECT_FALSE(next.reused);
  EXPECT_EQ(next.body, "hello");
}

// A name in a folder says nothing of who listens behind it.
TEST_F(ClientTest, NothingIsSentToAProcessThatIsNotTheOneExpected) {
  const std::string path = NewPath("s");
  std::atomic<int> got = 0;
  const RawServer server(
      [&](RawPeer& peer) {
        while (peer.ReadThrough("\r\n\r\n").ends_with("\r\n\r\n")) {
          ++got;
          peer.Send(kHello);
        }
      },
      path);
  const Origin origin{Scheme::kUnix, "", 0, path};
  OnShard([&] { client_->ExpectPeer(origin, getpid()); });
  EXPECT_EQ(Get(origin).body, "hello");
  EXPECT_EQ(Idle(), 1U);
  OnShard([&] { client_->ExpectPeer(origin, std::numeric_limits<int>::max()); });
  EXPECT_EQ(Idle(), 0U);
  const Outcome refused = Get(origin);
  ASSERT_TRUE(refused.error.has_value());
  EXPECT_EQ(refused.error->code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error->message.find(std::to_string(getpid())), std::string::npos)
      << refused.error->message;
  EXPECT_EQ(got, 1);
  OnShard([&] { client_->ExpectPeer(origin, getpgrp()); });
  EXPECT_EQ(Get(origin).body, "hello");
}

TEST_F(ClientTest, APooledConnectionWithStrayBytesIsNotUsed) {
  std::promise<void> stray, sent;
  const RawServer server([&, first = true](RawPeer& peer) mutable {
    peer.ReadThrough("\r\n\r\n");
    peer.Send(kHello);
    if (!std::exchange(first, false)) return;
    stray.get_future().wait();
    peer.Send("HTTP/1.1 200 OK\r\n");
    sent.set_value();
    peer.AwaitEnd();
  });
  EXPECT_EQ(Get(Local(server.port())).body, "hello");
  stray.set_value();
  sent.get_future().wait();
  const std::int64_t trusted_until = MonotonicNow() + 2 * kUpstreamTrustedIdle;
  while (MonotonicNow() < trusted_until) continue;
  const Outcome next = Get(Local(server.port()));
  EXPECT_FALSE(next.reused);
  EXPECT_EQ(next.body, "hello");
}

TEST_F(ClientTest, ForgottenConnectionsAreClosed) {
  Serve("127.0.0.1:0");
  const Origin origin = Local(server_->bound()[0].port);
  Get(origin);
  ASSERT_EQ(Idle(), 1U);
  OnShard([&] { client_->Forget(origin); });
  EXPECT_EQ(Idle(), 0U);
  EXPECT_FALSE(Get(origin).reused);
}

TEST_F(ClientTest, APoolHoldsNoMoreThanItsLimit) {
  ClientOptions options;
  options.idle_per_origin_max = 1;
  UseClient(std::move(options));
  Serve("127.0.0.1:0");
  const Origin origin = Local(server_->bound()[0].port);
  Request request;
  request.fresh = true;
  for (int i = 0; i < 3; ++i) Get(origin, request);
  EXPECT_EQ(Idle(), 1U);
}

Task<bool> ReadAPartAndLeave(HttpClient& client, Origin origin) {
  Result<ClientExchange> exchange = co_await client.Open(std::move(origin));
  const std::string_view pieces[] = {"GET / HTTP/1.1\r\nhost: x\r\n\r\n"};
  (void)co_await exchange->Send(pieces);
  const Result<const HttpHead*> head = co_await exchange->ReadHead();
  if (!head.ok()) co_return false;
  const Result<std::string_view> piece = co_await exchange->ReadBody();
  co_return piece.ok();
}

TEST_F(ClientTest, AnExchangeDestroyedInMidBodyClosesItsConnection) {
  std::promise<void> ended;
  const RawServer server([&](RawPeer& peer) {
    peer.ReadThrough("\r\n\r\n");
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart");
    peer.AwaitEnd();
    ended.set_value();
  });
  EXPECT_TRUE(Run(ReadAPartAndLeave(*client_, Local(server.port()))));
  ended.get_future().wait();
  EXPECT_EQ(Idle(), 0U);
}

Task<bool> ReplaceAFinishedExchange(HttpClient& client, Origin origin) {
  Result<ClientExchange> first = co_await client.Open(origin);
  Result<ClientExchange> second = co_await client.Open(origin);
  const std::string_view pieces[] = {"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"};
  (void)co_await first->Send(pieces);
  (void)co_await first->ReadHead();
  (void)co_await first->ReadAll(testing::kAnswerBytesMax);
  *first = std::move(*second);
  co_return client.idle_connections() == 1;
}

TEST_F(ClientTest, AFinishedExchangeThatIsAssignedToGivesItsConnectionBack) {
  Serve("127.0.0.1:0");
  EXPECT_TRUE(Run(ReplaceAFinishedExchange(*client_, Local(server_->bound()[0].port))));
}

}  // namespace
}  // namespace tidegate::net
