#include "net/client.h"

#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/testing/certificates.h"
#include "net/testing/client_fixture.h"
#include "net/testing/raw_client.h"

namespace tidegate::net {
namespace {

using testing::ClientTest;
using ::testing::HasSubstr;
using testing::kHello;
using testing::Local;
using testing::Outcome;
using testing::RawPeer;
using testing::RawServer;
using testing::Request;
using ::testing::StartsWith;

// --- Bodies --------------------------------------------------------------------------------------

struct BodyRow {
  const char* name;
  std::string answer;
  int status;
  std::string body;
  bool kept;  // whether the connection goes back to its pool
  bool head_request = false;
};

TEST_F(ClientTest, EveryFramingOfABodyIsRead) {
  const std::string informational = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nA: b\r\n\r\n";
  const std::vector<BodyRow> rows = {
      {"length", kHello, 200, "hello", true},
      {"length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true},
      {"chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\nT: x\r\n"
       "\r\n",
       200, "hello", true},
      {"until close", "HTTP/1.1 200 OK\r\n\r\nhello", 200, "hello", false},
      {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false},
      {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 200,
       "hello", false},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
      {"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "",
       true},
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "", true, true},
      {"HEAD of a stream", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", true,
       true},
      {"behind 1xx", informational + kHello, 200, "hello", true},
      {"error", "HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\nwait", 429, "wait", true},
      {"bytes behind the body", std::string(kHello) + "x", 200, "hello", false},
      {"bytes behind 204", "HTTP/1.1 204 No Content\r\n\r\nx", 204, "", false},
  };
  for (const BodyRow& row : rows) {
    for (const bool whole : {false, true}) {
      UseClient({});
      Request request;
      request.whole = whole;
      request.head = row.head_request;
      const RawServer server([&row](RawPeer& peer) {
        peer.ReadThrough("\r\n\r\n");
        peer.Send(row.answer);
        if (row.kept) peer.AwaitEnd();
      });
      const Outcome outcome = Get(Local(server.port()), request);
      EXPECT_FALSE(outcome.error) << row.name << ": " << Describe(*outcome.error);
      EXPECT_EQ(outcome.status, row.status) << row.name;
      EXPECT_EQ(outcome.body, row.body) << row.name;
      EXPECT_EQ(Idle(), row.kept ? 1U : 0U) << row.name;
      OnShard([this] { client_.reset(); });
    }
  }
  UseClient({});
}

TEST_F(ClientTest, ALargeBodyIsReadWhole) {
  const std::string body(300'000, 'z');
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
  const RawServer server(Always(head + body));
  for (const bool whole : {false, true}) {
    Request request;
    request.whole = whole;
    const Outcome outcome = Get(Local(server.port()), request);
    EXPECT_FALSE(outcome.error);
    EXPECT_TRUE(outcome.body == body);
  }
}

TEST_F(ClientTest, ChunksThatArriveTogetherAreOnePiece) {
  const Outcome outcome = GetOnce(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n10\r\n"
      "0123456789abcdef\r\n0\r\n\r\n");
  EXPECT_EQ(outcome.body, "abc0123456789abcdef");
  EXPECT_EQ(outcome.pieces, 1);
}

TEST_F(ClientTest, ABodyThatEndsEarlyIsCut) {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    for (const bool whole : {false, true}) {
      Request request;
      request.whole = whole;
      const Outcome outcome = GetOnce(answer, request);
      ASSERT_TRUE(outcome.error) << answer;
      EXPECT_EQ(outcome.error->code, ErrorCode::kProtocol) << answer;
      EXPECT_EQ(outcome.error->reason, "cut") << answer;
      EXPECT_EQ(outcome.error->source, ErrorSource::kUpstream) << answer;
    }
  }
  EXPECT_EQ(Idle(), 0U);
}

TEST_F(ClientTest, AnAnswerThatBreaksHttpIsTheUpstreamsFault) {
  std::string endless;
  for (int i = 0; i < 100; ++i) endless += "HTTP/1.1 100 Continue\r\n\r\n";
  for (const std::string& answer :
       {std::string("rubbish\r\n\r\n"), endless,
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")}) {
    const Outcome outcome = GetOnce(answer);
    ASSERT_TRUE(outcome.error) << answer;
    EXPECT_EQ(outcome.error->code, ErrorCode::kProtocol) << answer;
    EXPECT_EQ(outcome.error->source, ErrorSource::kUpstream) << answer;
    EXPECT_EQ(outcome.error->retry, Retry::kOtherTarget) << answer;
  }
}

TEST_F(ClientTest, AnAnswerLargerThanAllowedIsRefused) {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello"}) {
    Request request;
    request.whole = true;
    request.size_max = 4;
    const Outcome refused = GetOnce(answer, request);
    ASSERT_TRUE(refused.error) << answer;
    EXPECT_EQ(refused.error->code, ErrorCode::kTooLarge) << answer;
    request.size_max = 5;
    EXPECT_EQ(GetOnce(answer, request).body, "hello") << answer;
  }
}

// --- Time and failure ----------------------------------------------------------------------------

TEST_F(ClientTest, AnUpstreamThatStallsIsGivenUp) {
  for (const char* answer :
       {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"}) {
    const RawServer server([answer](RawPeer& peer) {
      peer.ReadThrough("\r\n\r\n");
      peer.Send(answer);
      peer.AwaitEnd();
    });
    Request request;
    request.stall_nanos = 50 * kMillisecond;
    const Outcome outcome = Get(Local(server.port()), request);
    ASSERT_TRUE(outcome.error) << answer;
    EXPECT_EQ(outcome.error->code, ErrorCode::kDeadlineExceeded) << answer;
    EXPECT_EQ(outcome.error->source, ErrorSource::kUpstream) << answer;
    EXPECT_THAT(outcome.error->message, HasSubstr("50 ms"));
  }
}

Task<Outcome> AskSlowly(HttpClient& client, Origin origin, asio::io_context& io) {
  Outcome out;
  Result<ClientExchange> exchange = co_await client.Open(std::move(origin));
  exchange->SetStallTimeout(50 * kMillisecond);
  const std::string_view pieces[] = {"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"};
  (void)co_await exchange->Send(pieces);
  (void)co_await exchange->ReadHead();
  asio::steady_timer pause(io, std::chrono::nanoseconds(3 * kDeadlineScanInterval));
  co_await pause.async_wait(kAwait);  // the caller's own client takes its time
  const Result<std::string_view> body = co_await exchange->ReadAll(testing::kAnswerBytesMax);
  if (!body.ok()) {
    out.error = body.error();
  } else {
    out.body = *body;
  }
  co_return out;
}

TEST_F(ClientTest, TimeThatTheCallerTakesIsNotTheUpstreams) {
  const RawServer server(Always(kHello));
  const Outcome outcome = Run(AskSlowly(*client_, Local(server.port()), shards_[0].io()));
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(outcome.body, "hello");
  OnShard([this] { client_.reset(); });
}

TEST_F(ClientTest, AnUpstreamThatClosesWithoutAnAnswerIsUnavailable) {
  const Outcome outcome = GetOnce("");
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(outcome.error->reason, "closed");
  EXPECT_FALSE(outcome.answered);
  const Outcome cut = GetOnce("HTTP/1.1 200");
  EXPECT_EQ(cut.error->reason, "cut");
  EXPECT_TRUE(cut.answered);
}

TEST_F(ClientTest, ARefusedConnectionNamesTheOrigin) {
  std::uint16_t port = 0;
  { port = RawServer(Always("")).port(); }
  const Outcome outcome = Get(Local(port));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::kUnavailable);
  EXPECT_THAT(outcome.error->message, StartsWith("cannot reach http://127.0.0.1:"));
}

TEST_F(ClientTest, ANameThatCannotBeResolvedNamesTheOrigin) {
  const Outcome outcome = Get({Scheme::kHttp, "no-such-host.invalid", 80, ""});
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::kUnavailable);
  EXPECT_THAT(outcome.error->message, HasSubstr("http://no-such-host.invalid:80"));
}

TEST_F(ClientTest, ANameIsResolved) {
  Serve("127.0.0.1:0");
  const Outcome outcome = Get({Scheme::kHttp, "localhost", server_->bound()[0].port, ""});
  EXPECT_FALSE(outcome.error) << Describe(*outcome.error);
  EXPECT_EQ(outcome.body, "plain");
}

TEST_F(ClientTest, AUnixSocketIsReached) {
  const std::string path = NewPath("s");
  Serve("unix:" + path);
  const Origin origin{Scheme::kUnix, "", 0, path};
  EXPECT_EQ(Get(origin).body, "plain");
  EXPECT_TRUE(Get(origin).reused);
  EXPECT_TRUE(Get({Scheme::kUnix, "", 0, path + "x"}).error);
}

TEST_F(ClientTest, Ipv6IsReached) {
  Serve("[::1]:0");
  EXPECT_EQ(Get({Scheme::kHttp, "::1", server_->bound()[0].port, ""}).body, "plain");
}

// --- TLS -----------------------------------------------------------------------------------------

class TlsTest : public ClientTest {
 protected:
  // A server of TLS for `name`, and a client that trusts its authority.
  void ServeTls(const std::string& name) {
    const testing::CertificateAuthority authority;
    authority.WriteTo(NewPath("ca.pem"));
    authority.Issue(name, NewPath("cert.pem"), NewPath("key.pem"));
    Result<std::shared_ptr<TlsContext>> context =
        TlsContext::ForServer(NewPath("cert.pem"), NewPath("key.pem"));
    ASSERT_TRUE(context.ok()) << Describe(context.error());
    Serve("0.0.0.0:0", std::move(*context));
    ClientOptions options;
    options.tls = [file = NewPath("ca.pem")] { return TlsContext::ForClient(file); };
    UseClient(std::move(options));
  }
  Origin Secure(const std::string& host) const {
    return {Scheme::kHttps, host, server_->bound()[0].port, ""};
  }
};

TEST_F(TlsTest, AVerifiedServerIsSpokenToAndItsConnectionKept) {
  ServeTls("DNS:localhost");
  const Outcome outcome = Get(Secure("localhost"));
  ASSERT_FALSE(outcome.error) << Describe(*outcome.error);
  EXPECT_EQ(outcome.body, "secure");
  const Outcome again = Get(Secure("localhost"));
  EXPECT_TRUE(again.reused);
  EXPECT_EQ(again.body, "secure");
}

TEST_F(TlsTest, AnAddressIsVerifiedAsOne) {
  ServeTls("IP:127.0.0.1");
  EXPECT_EQ(Get(Secure("127.0.0.1")).body, "secure");
  EXPECT_TRUE(Get(Secure("localhost")).error);
}

TEST_F(TlsTest, AnotherNameIsRefused) {
  ServeTls("DNS:other.example");
  const Outcome outcome = Get(Secure("localhost"));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::kUnavailable);
  EXPECT_THAT(outcome.error->message, HasSubstr("certificate verify failed"));
}

TEST_F(TlsTest, AnAuthorityThatNobodyTrustsIsRefused) {
  ServeTls("DNS:localhost");
  const testing::CertificateAuthority stranger;
  stranger.WriteTo(NewPath("stranger.pem"));
  ClientOptions options;
  options.tls = [file = NewPath("stranger.pem")] { return TlsContext::ForClient(file); };
  UseClient(std::move(options));
  EXPECT_TRUE(Get(Secure("localhost")).error);
}

TEST_F(TlsTest, PlainHttpToATlsPortGetsNoAnswer) {
  ServeTls("DNS:localhost");
  const Outcome outcome = Get(Local(server_->bound()[0].port));
  EXPECT_TRUE(outcome.error);
  EXPECT_EQ(outcome.status, 0);
}

TEST_F(TlsTest, TlsToAPlainPortFails) {
  ServeTls("DNS:localhost");
  server_.reset();
  Serve("127.0.0.1:0");
  const Outcome outcome = Get(Secure("localhost"));
  ASSERT_TRUE(outcome.error);
  EXPECT_THAT(outcome.error->message, HasSubstr("TLS handshake"));
}

TEST_F(TlsTest, WithoutRootsHttpsIsRefused) {
  ServeTls("DNS:localhost");
  UseClient({});
  EXPECT_THAT(Get(Secure("localhost")).error->message, HasSubstr("https is not configured"));
}

TEST_F(TlsTest, FilesThatCannotBeUsedAreNamed) {
  const Result<std::shared_ptr<TlsContext>> server =
      TlsContext::ForServer(NewPath("absent"), NewPath("absent"));
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(server.error().message, HasSubstr(NewPath("absent")));
  EXPECT_FALSE(TlsContext::ForClient(NewPath("absent")).ok());
}

// --- Proxies -------------------------------------------------------------------------------------

TEST_F(ClientTest, AProxyIsAskedForATunnel) {
  std::promise<std::string> asked;
  const RawServer proxy([&](RawPeer& peer) {
    asked.set_value(peer.ReadThrough("\r\n\r\n"));
    peer.Send("HTTP/1.1 200 Connection established\r\n\r\n");
    peer.ReadThrough("\r\n\r\n");
    peer.Send(kHello);
    peer.AwaitEnd();
  });
  ClientOptions options;
  options.proxy.http_proxy = "http://127.0.0.1:" + std::to_string(proxy.port()) + "/";
  UseClient(std::move(options));
  const Outcome outcome = Get({Scheme::kHttp, "far.example", 8080, ""});
  EXPECT_EQ(asked.get_future().get(),
            "CONNECT far.example:8080 HTTP/1.1\r\nhost: far.example:8080\r\n\r\n");
  EXPECT_EQ(outcome.body, "hello");
  OnShard([this] { client_.reset(); });
}

TEST_F(ClientTest, AProxyThatRefusesIsReported) {
  const RawServer proxy(Once("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"));
  ClientOptions options;
  options.proxy.http_proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  UseClient(std::move(options));
  const Outcome outcome = Get({Scheme::kHttp, "far.example", 80, ""});
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::kUnavailable);
  EXPECT_THAT(outcome.error->message, HasSubstr("refused the tunnel with status 407"));
}

TEST_F(ClientTest, AProxyUrlThatIsNotUsableIsNotRepeated) {
  ClientOptions options;
  options.proxy.http_proxy = "http://user:secret@proxy:3128";
  UseClient(std::move(options));
  const Outcome outcome = Get({Scheme::kHttp, "far.example", 80, ""});
  ASSERT_TRUE(outcome.error);
  EXPECT_THAT(outcome.error->message, HasSubstr("http://host:port"));
  EXPECT_EQ(outcome.error->message.find("secret"), std::string::npos);
}

TEST_F(ClientTest, HostsOutsideTheProxyAreReachedDirectly) {
  const RawServer server(Always(kHello));
  ClientOptions options;
  options.proxy.http_proxy = "http://127.0.0.1:1";  // nothing listens there
  options.proxy.no_proxy = {"near.invalid", ".inner.invalid"};
  UseClient(options);
  EXPECT_EQ(Get(Local(server.port())).body, "hello");  // loopback never goes through a proxy
  const auto through_proxy = [&](const char* host) {
    const Outcome outcome = Get({Scheme::kHttp, host, 80, ""});
    return outcome.error->message.find("refused") != std::string::npos;
  };
  EXPECT_TRUE(through_proxy("far.invalid"));
  EXPECT_TRUE(through_proxy("xnear.invalid"));
  EXPECT_TRUE(through_proxy("near.invalid.far.invalid"));
  EXPECT_FALSE(through_proxy("near.invalid"));
  EXPECT_FALSE(through_proxy("a.near.invalid"));
  EXPECT_FALSE(through_proxy("inner.invalid"));
  EXPECT_FALSE(through_proxy("a.inner.invalid"));
  OnShard([this] { client_.reset(); });
}

// --- Checked addresses ---------------------------------------------------------------------------

Error Refused(const Origin& origin, const std::string& address) {
  return Error{ErrorCode::kPermissionDenied, ErrorSource::kGateway, Retry::kNever,
               origin.host + " is at " + address};
}

TEST_F(ClientTest, AnAddressThatIsRefusedIsNotConnectedTo) {
  const RawServer server(Always(kHello));
  ClientOptions options;
  options.check_address = [](const Origin& origin, const std::string& address) -> Result<void> {
    return Refused(origin, address);
  };
  UseClient(std::move(options));
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const Outcome outcome = Get({Scheme::kHttp, host, server.port(), ""});
    ASSERT_TRUE(outcome.error) << host;
    EXPECT_EQ(outcome.error->code, ErrorCode::kPermissionDenied);
    EXPECT_THAT(outcome.error->message, HasSubstr(std::string(host) + " is at "));
  }
  EXPECT_EQ(server.accepted(), 0);
}

TEST_F(ClientTest, AnAddressIsCheckedAsItIsConnectedTo) {
  const RawServer server(Always(kHello));
  std::vector<std::string> seen;
  ClientOptions options;
  options.check_address = [&seen](const Origin&, const std::string& address) -> Result<void> {
    seen.push_back(address);
    return {};
  };
  UseClient(std::move(options));
  EXPECT_EQ(Get({Scheme::kHttp, "localhost", server.port(), ""}).body, "hello");
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back(), "127.0.0.1");  // what was connected to, whatever else the name stands for
  const std::size_t checks = seen.size();
  EXPECT_TRUE(Get({Scheme::kHttp, "localhost", server.port(), ""}).reused);
  EXPECT_EQ(seen.size(), checks);
}

TEST_F(ClientTest, TheProxyIsNotCheckedAndALiteralBehindItIs) {
  const RawServer proxy(Once("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"));
  ClientOptions options;
  options.proxy.http_proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  options.check_address = [](const Origin& origin, const std::string& address) -> Result<void> {
    if (IsPublicAddress(address)) return {};
    return Refused(origin, address);
  };
  UseClient(std::move(options));
  EXPECT_EQ(Get({Scheme::kHttp, "169.254.169.254", 80, ""}).error->code,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(proxy.accepted(), 0);
  EXPECT_EQ(Get({Scheme::kHttp, "far.example", 80, ""}).error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(proxy.accepted(), 1);
  OnShard([this] { client_.reset(); });
}

TEST(ProxyConfig, TheEnvironmentIsRead) {
  const std::pair<const char*, const char*> variables[] = {
      {"http_proxy", "http://a:1"}, {"HTTPS_PROXY", "http://b:2"}, {"NO_PROXY", " x.y ,, .z,*"}};
  for (const char* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                           "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
    unsetenv(name);
  }
  setenv("HTTP_PROXY", "http://cgi:1", 1);
  EXPECT_EQ(ProxyConfig::FromEnvironment().http_proxy, "");
  for (const auto& [name, value] : variables) setenv(name, value, 1);
  const ProxyConfig config = ProxyConfig::FromEnvironment();
  EXPECT_EQ(config.http_proxy, "http://a:1");
  EXPECT_EQ(config.https_proxy, "http://b:2");
  EXPECT_EQ(config.no_proxy, (std::vector<std::string>{"x.y", ".z", "*"}));
  for (const auto& [name, value] : variables) unsetenv(name);
  setenv("ALL_PROXY", "http://c:3", 1);
  EXPECT_EQ(ProxyConfig::FromEnvironment().http_proxy, "http://c:3");
  EXPECT_EQ(ProxyConfig::FromEnvironment().https_proxy, "http://c:3");
  unsetenv("ALL_PROXY");
  unsetenv("HTTP_PROXY");
}

// --- Fetch ---------------------------------------------------------------------------------------

TEST_F(ClientTest, FetchReturnsStatusTypeAndBody) {
  Serve("127.0.0.1:0");
  const Result<SimpleResponse> response =
      Run(Fetch(*client_, Local(server_->bound()[0].port), "POST", "/x",
                "content-type: application/json\r\n", "{}", 20 * kSecond));
  ASSERT_TRUE(response.ok()) << Describe(response.error());
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "plain");
  EXPECT_EQ(response->content_type, "text/plain");
}

TEST_F(ClientTest, FetchEndsInTimeHoweverBusyTheUpstreamIs) {
  const RawServer server([](RawPeer& peer) {
    peer.ReadThrough("\r\n\r\n");
    peer.Send("HTTP/1.1 200 OK\r\n\r\n");
    char byte = 0;
    pollfd ended{peer.fd(), POLLIN, 0};
    while (poll(&ended, 1, 20) == 0) peer.Send(std::string_view(&byte, 1));  // drips for ever
  });
  const Result<SimpleResponse> response =
      Run(Fetch(*client_, Local(server.port()), "GET", "", "", "", 100 * kMillisecond));
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace tidegate::net
