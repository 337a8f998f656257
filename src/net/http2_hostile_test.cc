// HTTP/2 as no honest client speaks it. Whatever costs us more than the client is ended with
// ENHANCE_YOUR_CALM; everybody else is served all the while.
#include <future>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/server.h"
#include "net/testing/http2_client.h"
#include "net/testing/raw_client.h"
#include "net/testing/server_fixture.h"

namespace tidegate::net::testing {
namespace {

constexpr std::uint32_t kCalm = NGHTTP2_ENHANCE_YOUR_CALM;
constexpr std::uint8_t kEndStream = NGHTTP2_FLAG_END_STREAM;
constexpr std::uint8_t kEndHeaders = NGHTTP2_FLAG_END_HEADERS;

class Http2HostileTest : public ServerTest {
 protected:
  // What the server says when it ends the connection over `frames`, which stand behind the preface.
  std::optional<std::uint32_t> Verdict(const std::string& frames) const {
    RawClient client = Connect();
    client.Send(Preface() + frames);
    client.EndSending();
    return ReadGoAway(client);
  }
  void ExpectOthersServed() const {
    Http2Client client(Connect());
    EXPECT_EQ(client.Ask("GET", "/").body, "hello");
  }
  static std::string Times(std::size_t count, const std::string& frame) {
    std::string frames;
    for (std::size_t i = 0; i < count; ++i) frames += frame;
    return frames;
  }
  static std::string Request(std::uint32_t id, std::uint8_t flags = kEndStream | kEndHeaders,
                             const std::string& path = "/") {
    return Frame(NGHTTP2_HEADERS, flags, id, HpackGet(path));
  }
};

TEST_F(Http2HostileTest, RequestsThatAreResetAtOnceEndTheConnection) {
  Listen();
  std::string frames;
  for (std::uint32_t id = 1; id < 2'000; id += 2) {
    frames += Request(id, kEndStream | kEndHeaders, "/wait");
    frames += Frame(NGHTTP2_RST_STREAM, 0, id, Number(NGHTTP2_CANCEL));
  }
  EXPECT_EQ(Verdict(frames), kCalm);
  ExpectOthersServed();
}

// The same damage without one RST_STREAM of the client's: it makes the server send them.
TEST_F(Http2HostileTest, RequestsThatTheServerIsMadeToResetEndTheConnection) {
  Listen();
  std::string windows, bodies, heads;
  for (std::uint32_t id = 1; id < 2'000; id += 2) {
    windows += Request(id) + Frame(NGHTTP2_WINDOW_UPDATE, 0, id, Number(0x7fffffff));
    bodies += Request(id) + Frame(NGHTTP2_DATA, kEndStream, id, "x");
    heads += Frame(NGHTTP2_HEADERS, kEndStream | kEndHeaders, id,
                   HpackGet() + Hpack({{"connection", "close"}}));
  }
  EXPECT_EQ(Verdict(windows), kCalm);
  EXPECT_THAT(Verdict(bodies), ::testing::AnyOf(kCalm, NGHTTP2_STREAM_CLOSED));
  EXPECT_EQ(Verdict(heads), kCalm);
  ExpectOthersServed();
}

TEST_F(Http2HostileTest, AnHonestClientMayCancelAllItsRequests) {
  Listen();
  Http2Client client(Connect());
  for (int i = 0; i < 100; ++i) client.Reset(client.Start("GET", "/stream"));
  EXPECT_EQ(client.Ask("GET", "/").body, "hello");
}

TEST_F(Http2HostileTest, AHeadOfEndlessContinuationsEndsTheConnection) {
  Listen();
  const std::string head = Request(1, kEndStream);
  EXPECT_EQ(Verdict(head + Times(1'000, Frame(NGHTTP2_CONTINUATION, 0, 1))), kCalm);
  const std::string field = Hpack({{"x", std::string(100, 'y')}});
  EXPECT_EQ(Verdict(head + Times(1'000, Frame(NGHTTP2_CONTINUATION, 0, 1, Times(100, field)))),
            kCalm);
  ExpectOthersServed();
}

// A field of four kilobytes that is sent once and then named by one byte, again and again.
TEST_F(Http2HostileTest, AHeadThatUnpacksToMegabytesEndsTheConnection) {
  Listen();
  const std::string value(3'900, 'v');
  std::string big(1, '\x40');  // literal, to be indexed
  big += std::string("\x01") + "x" + '\x7f';
  std::size_t rest = value.size() - 127;
  for (; rest >= 128; rest /= 128) big += static_cast<char>(rest % 128 + 128);
  big += static_cast<char>(rest);
  big += value;
  const std::string bomb(5'000, '\xbe');  // the newest entry of the table
  EXPECT_EQ(Verdict(Frame(NGHTTP2_HEADERS, kEndStream | kEndHeaders, 1, HpackGet() + big + bomb)),
            kCalm);
  ExpectOthersServed();
}

TEST_F(Http2HostileTest, FramesThatCarryNothingEndTheConnection) {
  Listen();
  const std::string open = Request(1, kEndHeaders, "/wait");
  const struct {
    const char* what;
    std::string before, frame;
  } cases[] = {
      {"settings", "", Frame(NGHTTP2_SETTINGS, 0, 0)},
      {"settings with content", "",
       Frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\1", 2) + Number(4096))},
      {"acknowledged settings", "", Frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678")},
      {"pings", "", Frame(NGHTTP2_PING, 0, 0, "12345678")},
      {"priorities", "", Frame(NGHTTP2_PRIORITY, 0, 1, Number(0) + "x")},
      {"window updates", "", Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Number(1))},
      {"empty data", open, Frame(NGHTTP2_DATA, 0, 1)},
  };
  for (const auto& [what, before, frame] : cases) {
    EXPECT_EQ(Verdict(before + Times(20'000, frame)), kCalm) << what;
    board_.waiting = {};
    board_.interrupted = {};
  }
  ExpectOthersServed();
}

TEST_F(Http2HostileTest, AsManyFramesAsAnHonestClientSendsAreFine) {
  Listen();
  RawClient client = Connect();
  client.Send(Preface() + Times(300, Frame(NGHTTP2_PING, 0, 0, "12345678")) + Request(1));
  EXPECT_THAT(client.ReadThrough("hello"), ::testing::HasSubstr("hello"));
}

TEST_F(Http2HostileTest, MoreRequestsAtOnceThanAllowedAreRefused) {
  Listen();
  RawClient client = Connect();
  std::string frames = Preface();
  std::uint32_t id = 1;
  for (; id < 2 * kHttp2StreamsMax; id += 2) frames += Request(id, kEndHeaders, "/echo");
  client.Send(frames + Request(id));
  const std::string refused = Frame(NGHTTP2_RST_STREAM, 0, id, Number(NGHTTP2_REFUSED_STREAM));
  EXPECT_THAT(client.ReadThrough(refused), ::testing::EndsWith(refused));
  client.Send(Frame(NGHTTP2_DATA, kEndStream, 1, "a"));  // which makes room
  EXPECT_THAT(client.ReadThrough("GET:a"), ::testing::EndsWith("GET:a"));
  client.Send(Request(id + 2));
  EXPECT_THAT(client.ReadThrough("hello"), ::testing::EndsWith("hello"));
  ExpectOthersServed();
}

TEST_F(Http2HostileTest, ABodyBeyondItsWindowIsNotKept) {
  Listen();
  const std::string data = Times(6, Frame(NGHTTP2_DATA, 0, 1, std::string(16'384, 'x')));
  RawClient client = Connect();
  client.Send(Preface() + Request(1, kEndHeaders, "/wait") + data);
  const std::string reset = Frame(NGHTTP2_RST_STREAM, 0, 1, Number(NGHTTP2_FLOW_CONTROL_ERROR));
  EXPECT_THAT(client.ReadThrough(reset), ::testing::EndsWith(reset));
}

TEST_F(Http2HostileTest, WhatIsNoHttp2EndsTheConnection) {
  Listen();
  EXPECT_NE(Verdict("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), std::nullopt);
  EXPECT_NE(Verdict(Frame(NGHTTP2_DATA, 0, 0, "x")), std::nullopt);
  EXPECT_NE(Verdict(Frame(NGHTTP2_HEADERS, kEndHeaders, 1, "\xff\xff\xff\xff\xff")), std::nullopt);
  EXPECT_NE(Verdict(Frame(NGHTTP2_PUSH_PROMISE, 0, 1, Number(2))), std::nullopt);
  EXPECT_NE(Verdict(Request(2)), std::nullopt);  // not a client's number
  ExpectOthersServed();
}

// One who asks for much and reads nothing makes the server hold one batch, and is cut.
TEST_F(Http2HostileTest, WhoAsksAndDoesNotReadIsCut) {
  Listen(Short(&ServerTimeouts::write_stall));
  RawClient client = Connect();
  client.ShrinkReceiveBuffer();
  auto failed = board_.write_failed.get_future();
  client.Send(Preface() +
              Frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4", 2) + Number(0x7fffffff)) +
              Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Number(0x7fff0000)) +
              Request(1, kEndStream | kEndHeaders, "/big"));
  EXPECT_TRUE(Comes(failed, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience)));
  server_->Drain();
  EXPECT_EQ(server_->connections(), 0U);
}

}  // namespace
}  // namespace tidegate::net::testing
