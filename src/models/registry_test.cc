#include "models/registry.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/testing/pull_fixture.h"
#include "net/server.h"
#include "net/testing/certificates.h"

namespace tidegate::models {
namespace {

using ::testing::HasSubstr;
using testing::RawPeer;
using testing::RegistryServer;
using testing::ServedRequest;

TEST(BearerChallenge, IsReadWhateverItsOrder) {
  const Result<BearerChallenge> challenge = ParseBearerChallenge(
      R"(bearer Scope="repository:a/b:pull repository:c/d:pull", realm="https://host/\token", x=y,service=r)");
  ASSERT_TRUE(challenge.ok()) << challenge.error().message;
  EXPECT_EQ(challenge->realm, "https://host/token");
  EXPECT_EQ(challenge->service, "r");
  EXPECT_EQ(challenge->scope, "repository:a/b:pull repository:c/d:pull");
}

TEST(BearerChallenge, AnythingElseIsRefused) {
  for (const char* field :
       {"", "Bearer", "Basic realm=\"x\"", "Bearer realm", "Bearer realm=\"x", "Bearer realm=\"x\\",
        "Bearer realm=\"\"", "Bearer service=\"x\"", "Bearer realm=\"x\" service=\"y\"",
        "Bearer realm=\"x\",realm=\"y\"", "Bearer =x", "Bearer ,"}) {
    EXPECT_FALSE(ParseBearerChallenge(field).ok()) << field;
  }
}

std::string Layer(const std::string& digest, const std::string& size) {
  return R"({"mediaType":"m","digest":")" + digest + R"(","size":)" + size + "}";
}

std::string Manifest(const std::string& config, const std::string& layers) {
  return R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[)" + layers + "]}";
}

TEST(ManifestPieces, AreEachDigestOnce) {
  const std::string a = "sha256:" + std::string(64, 'a'), b = "sha256:" + std::string(64, 'b');
  const auto pieces = ParseManifestPieces(
      Manifest(Layer(b, "2"), Layer(a, "1") + "," + Layer(b, "2") + "," + Layer(a, "1")));
  ASSERT_TRUE(pieces.ok()) << pieces.error().message;
  ASSERT_EQ(pieces->size(), 2U);
  EXPECT_EQ((*pieces)[0].digest.ToString(), a);
  EXPECT_EQ((*pieces)[0].size, 1U);
  EXPECT_EQ((*pieces)[1].digest.ToString(), b);
}

TEST(ManifestPieces, AHostileManifestIsTheRegistrysFault) {
  const std::string a = "sha256:" + std::string(64, 'a'), good = Layer(a, "1");
  std::string many = good;
  for (std::size_t i = 0; i < kManifestLayersMax; ++i) many += "," + good;
  const std::vector<std::string> rows = {
      "",
      "{}",
      "[]",
      "null",
      "{\"layers\":",
      Manifest(good, ""),
      Manifest(good, many),
      Manifest("null", good),
      Manifest("{}", good),
      Manifest(good, "1"),
      Manifest(good, Layer("sha256:../../../../etc/passwd", "1")),
      Manifest(good, Layer("../" + a, "1")),
      Manifest(good, Layer(a + "/..", "1")),
      Manifest(good, Layer("md5:" + std::string(32, 'a'), "1")),
      Manifest(good, Layer(a, "-1")),
      Manifest(good, Layer(a, "1e30")),
      Manifest(good, Layer(a, "\"1\"")),
      Manifest(good, Layer(a, "17592186044417")),
      Manifest(good, Layer(a, "2")),  // the config says 1
      Manifest(good, R"({"digest":")" + a + R"(","digest":")" + a + R"(","size":1})"),
      R"({"layers":[],"layers":[]})",
      std::string(100'000, '['),
  };
  for (const std::string& row : rows) {
    const auto pieces = ParseManifestPieces(row);
    ASSERT_FALSE(pieces.ok()) << row.substr(0, 200);
    EXPECT_EQ(pieces.error().code, ErrorCode::kProtocol);
    EXPECT_THAT(pieces.error().message, HasSubstr("manifest"));
  }
}

class RegistryTest : public testing::PullFixture {
 protected:
  ~RegistryTest() override {
    OnShard([this] { clients_.clear(); });
  }

  Result<std::string> Fetch(RegistryConfig config, const std::string& model = "ann/notes:v1") {
    RegistryClient* client = nullptr;
    const ModelName name = *ModelName::Parse(config.host + "/" + model, "");
    RegistryClientOptions options;
    options.stall_nanos = 300 * net::kMillisecond;
    OnShard([&] {
      clients_.push_back(std::make_unique<RegistryClient>(shards_[0], std::move(config), options));
      client = clients_.back().get();
    });
    RegistryAccess access(*client);
    return Run(FetchManifest(access, cancel_, name));
  }
  Error Failed() {
    const Result<std::string> manifest = Fetch(ConfigOf(server_));
    EXPECT_FALSE(manifest.ok());
    return manifest.ok() ? Error{} : manifest.error();
  }
  void Always(const std::string& status, const std::string& fields, const std::string& body) {
    server_.Handle([=](const ServedRequest&, RawPeer& peer) {
      RegistryServer::Respond(peer, status, fields, body);
      return true;
    });
  }
  void RedirectTo(const std::string& location) {
    server_.Handle([=](const ServedRequest&, RawPeer& peer) {
      RegistryServer::Redirect(peer, location);
      return true;
    });
  }
  // Wants a token, which `realm` gives out.
  void Challenge(const std::string& realm, const std::string& answer) {
    server_.Handle([=](const ServedRequest& request, RawPeer& peer) {
      if (request.Path() == "/token") {
        RegistryServer::Respond(peer, "200 OK", "", answer);
        return true;
      }
      if (request.Field("authorization") == "Bearer t0ken") return false;
      RegistryServer::Respond(
          peer, "401 Unauthorized",
          "WWW-Authenticate: Bearer realm=\"" + realm + "\",service=\"a b\",scope=\"x:y z\"\r\n",
          "no");
      return true;
    });
  }

  std::vector<std::unique_ptr<RegistryClient>> clients_;
};

TEST_F(RegistryTest, AManifestComesAsItIs) {
  const std::string manifest = server_.AddModel({"harbour"});
  const Result<std::string> got = Fetch(ConfigOf(server_));
  ASSERT_TRUE(got.ok()) << Describe(got.error());
  EXPECT_EQ(*got, manifest);
  const ServedRequest request = server_.requests().at(0);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/v2/ann/notes/manifests/v1");
  EXPECT_EQ(request.Field("accept"), kManifestType);
  EXPECT_EQ(request.Field("host"), server_.host());
  EXPECT_EQ(request.Field("authorization"), "");
}

TEST_F(RegistryTest, ARefusalSaysWhatToDo) {
  EXPECT_EQ(Failed().code, ErrorCode::kNotFound);
  EXPECT_THAT(Failed().message, HasSubstr("ann/notes:v1"));
  Always("403 Forbidden", "", "{\"errors\":[\n{\"code\":\"DENIED\"}]}\x1b[2J");
  EXPECT_EQ(Failed().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(Failed().message, HasSubstr("token ("));
  EXPECT_THAT(Failed().message, HasSubstr("DENIED"));
  EXPECT_EQ(Failed().message.find('\x1b'), std::string::npos);
  EXPECT_EQ(Failed().message.find('\n'), std::string::npos);
  Always("429 Slow Down", "Retry-After: 7\r\n", "");
  EXPECT_EQ(Failed().code, ErrorCode::kRateLimited);
  EXPECT_EQ(Failed().retry_after_s, 7);
  Always("500 Oops", "Retry-After: soon\r\n", "");
  EXPECT_EQ(Failed().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Failed().retry_after_s, 0);
  Always("418 Teapot", "", "");
  EXPECT_EQ(Failed().code, ErrorCode::kProtocol);
  EXPECT_EQ(Failed().upstream_status, 418);
}

TEST_F(RegistryTest, ABodyWithoutEndIsBounded) {
  Always("200 OK", "", std::string(kManifestBytesMax + 1, ' '));
  EXPECT_EQ(Failed().code, ErrorCode::kTooLarge);
  for (const std::string status : {"200 OK", "500 Oops"}) {
    server_.Handle([=](const ServedRequest&, RawPeer& peer) -> bool {
      peer.Send("HTTP/1.1 " + status + "\r\ntransfer-encoding: chunked\r\n\r\n");
      const std::string chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
      for (int i = 0; i < 1'000; ++i) peer.Send(chunk);
      throw RegistryServer::End();
    });
    EXPECT_EQ(Failed().code, status == "200 OK" ? ErrorCode::kTooLarge : ErrorCode::kUnavailable);
  }
}

TEST_F(RegistryTest, ARegistryThatStallsIsGivenUp) {
  server_.Handle([](const ServedRequest&, RawPeer& peer) {
    peer.AwaitEnd();
    return true;
  });
  EXPECT_EQ(Failed().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(RegistryTest, AConnectionThatWasClosedMeanwhileIsReplaced) {
  server_.AddModel({"harbour"});
  std::atomic<int> seen = 0;
  server_.Handle([&seen](const ServedRequest&, RawPeer&) -> bool {
    if (++seen == 2) throw RegistryServer::End();  // takes it and closes without an answer
    return false;
  });
  const ModelName name = *ModelName::Parse(server_.host() + "/ann/notes:v1", "");
  ASSERT_TRUE(Fetch(ConfigOf(server_)).ok());
  RegistryAccess access(*clients_.back());
  EXPECT_TRUE(Run(FetchManifest(access, cancel_, name)).ok());
  EXPECT_EQ(seen, 3);
}

// --- Tokens ---

TEST_F(RegistryTest, AChallengeIsAnsweredWithTheTokenThatItsRealmGives) {
  server_.AddModel({"harbour"});
  Challenge("http://" + server_.host() + "/token", R"({"token":"t0ken"})");
  const Result<std::string> got = Fetch(ConfigOf(server_));
  ASSERT_TRUE(got.ok()) << Describe(got.error());
  const std::vector<ServedRequest> requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[1].target, "/token?service=a%20b&scope=x%3Ay&scope=z");
  EXPECT_EQ(requests[1].Field("authorization"), "");
  EXPECT_EQ(requests[2].Field("authorization"), "Bearer t0ken");
}

TEST_F(RegistryTest, AStoredCredentialIsShownToItsRegistry) {
  server_.AddModel({"harbour"});
  Challenge("http://" + server_.host() + "/token?x=1", R"({"access_token":"t0ken"})");
  RegistryConfig config = ConfigOf(server_);
  config.token = Secret("st0red");
  ASSERT_TRUE(Fetch(config).ok());
  const std::vector<ServedRequest> requests = server_.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].Field("authorization"), "Bearer st0red");
  EXPECT_EQ(requests[1].Field("authorization"), "Bearer st0red");
  EXPECT_THAT(requests[1].target, HasSubstr("/token?x=1&service="));
  EXPECT_EQ(requests[2].Field("authorization"), "Bearer t0ken");
}

TEST_F(RegistryTest, AForeignRealmIsNotAsked) {
  RegistryServer thief;
  RegistryConfig config = ConfigOf(server_);
  config.token = Secret("st0red");
  config.storage = {thief.origin()};  // so that nothing but the realm is wrong
  Challenge("http://" + thief.host() + "/token", "");
  const Result<std::string> got = Fetch(config);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(got.error().reason, "foreign_realm");
  Challenge("https://" + server_.host() + "/token", "");  // another scheme is another origin
  EXPECT_EQ(Fetch(config).error().reason, "foreign_realm");
  EXPECT_THAT(Fetch(config).error().message, HasSubstr("models.registry_tokens"));
  EXPECT_TRUE(thief.requests().empty());
}

TEST_F(RegistryTest, AChallengeThatNobodyCanAnswerIsARefusalWithItsRemedy) {
  for (const char* challenge :
       {"Bearer realm=\"Authentication required\"", "Bearer realm=\"/token\"", "Bearer",
        "Basic realm=\"models\"", "Negotiate", "Bearer realm=\"x\",realm=\"y\""}) {
    server_.Handle([&](const ServedRequest&, RawPeer& peer) {
      RegistryServer::Respond(peer, "401 No",
                              "www-authenticate: " + std::string(challenge) + "\r\n",
                              "Access to this model is restricted");
      return true;
    });
    const Error error = Failed();
    EXPECT_EQ(error.code, ErrorCode::kPermissionDenied) << challenge;
    EXPECT_EQ(error.upstream_status, 401) << challenge;
    EXPECT_THAT(error.message, HasSubstr("models.registry_tokens")) << challenge;
    EXPECT_THAT(error.message, HasSubstr("is restricted")) << challenge;
  }
}

TEST_F(RegistryTest, ARealmThatSendsElsewhereIsNotBelieved) {
  RegistryServer thief;
  thief.Add("/token", R"({"token":"t0ken"})");
  RegistryConfig config = ConfigOf(server_);
  config.token = Secret("st0red");
  config.storage = {thief.origin()};
  server_.Handle([&](const ServedRequest& request, RawPeer& peer) {
    if (request.Path() == "/token") {
      RegistryServer::Redirect(peer, "http://" + thief.host() + "/token");
    } else {
      RegistryServer::Respond(
          peer, "401 No",
          "www-authenticate: Bearer realm=\"http://" + server_.host() + "/token\"\r\n", "");
    }
    return true;
  });
  EXPECT_EQ(Fetch(config).error().code, ErrorCode::kProtocol);
  for (const ServedRequest& request : thief.requests()) {
    EXPECT_EQ(request.Field("authorization"), "");
  }
}

TEST_F(RegistryTest, ATokenThatIsNoneEndsThePull) {
  for (const std::string answer :
       {"", "[]", "{}", R"({"token":7})", R"({"token":""})", R"({"token":"a\r\nx: y"})",
        R"({"token":"a b"})", R"({"token":"\u00fc"})"}) {
    Challenge("http://" + server_.host() + "/token", answer);
    EXPECT_EQ(Failed().code, ErrorCode::kProtocol) << answer;
  }
  Challenge("http://" + server_.host() + "/token", R"({"token":"wrong"})");
  EXPECT_EQ(Failed().code, ErrorCode::kPermissionDenied);  // and it is not asked for ever
}

// --- Redirects ---

TEST_F(RegistryTest, ARedirectIsFollowedWithoutCredentials) {
  RegistryServer other;
  other.Add("/moved", "manifest");
  RegistryConfig config = ConfigOf(server_);
  config.token = Secret("st0red");
  config.storage = {other.origin()};
  RedirectTo("http://" + other.host() + "/moved?signature=1");
  const Result<std::string> got = Fetch(config);
  ASSERT_TRUE(got.ok()) << Describe(got.error());
  EXPECT_EQ(*got, "manifest");
  EXPECT_EQ(server_.requests().at(0).Field("authorization"), "Bearer st0red");
  EXPECT_EQ(other.requests().at(0).Field("authorization"), "");
  EXPECT_EQ(other.requests().at(0).target, "/moved?signature=1");
}

TEST_F(RegistryTest, CredentialsDoNotComeBackFromAnywhere) {
  RegistryServer other;
  RegistryConfig config = ConfigOf(server_);
  config.token = Secret("st0red");
  config.storage = {other.origin()};
  other.Handle([&](const ServedRequest&, RawPeer& peer) {
    RegistryServer::Redirect(peer, "http://" + server_.host() + "/back");
    return true;
  });
  server_.Add("/back", "manifest");
  server_.Handle([&](const ServedRequest& request, RawPeer& peer) {
    if (request.Path() == "/back") return false;
    RegistryServer::Redirect(peer, "http://" + other.host() + "/");
    return true;
  });
  ASSERT_TRUE(Fetch(config).ok());
  EXPECT_EQ(server_.requests().at(1).target, "/back");
  EXPECT_EQ(server_.requests().at(1).Field("authorization"), "");
}

TEST_F(RegistryTest, ARedirectToAnAddressThatIsNotPublicIsRefused) {
  RegistryServer inner;
  for (const std::string& location :
       {"http://" + inner.host() + "/", "http://localhost:" + inner.host().substr(10) + "/",
        std::string("http://169.254.169.254/latest/meta-data/"),
        std::string("http://[::ffff:127.0.0.1]/"), std::string("http://[fd00:ec2::254]/"),
        std::string("http://10.0.0.1/"), std::string("http://0.0.0.0/")}) {
    RedirectTo(location);
    const Error error = Failed();
    EXPECT_EQ(error.code, ErrorCode::kPermissionDenied) << location;
    EXPECT_EQ(error.reason, "private_address") << location;
    EXPECT_THAT(error.message,
                HasSubstr("models.registry_storage = [\"" + server_.host() + "=http://"));
  }
  EXPECT_TRUE(inner.requests().empty());
}

TEST_F(RegistryTest, ARedirectLeadsNowhereElse) {
  for (const std::string location :
       {"", "file:///etc/passwd", "unix:/run/x.sock", "gopher://x/", "http://a@b/", "x"}) {
    RedirectTo(location);
    EXPECT_EQ(Failed().code, ErrorCode::kProtocol) << location;
  }
  RedirectTo("/again");
  EXPECT_EQ(Failed().code, ErrorCode::kProtocol);
  EXPECT_EQ(server_.Count("/again"), static_cast<std::size_t>(kRedirectsMax));
}

// A registry of https that redirects to `location`.
class TlsRegistryTest : public RegistryTest {
 protected:
  Result<std::string> FetchRedirected(const std::string& location,
                                      std::vector<net::Origin> storage) {
    const net::testing::CertificateAuthority authority;
    const std::string ca = folder_ + "/ca.pem", cert = folder_ + "/c.pem", key = folder_ + "/k.pem";
    authority.WriteTo(ca);
    authority.Issue("IP:127.0.0.1", cert, key);
    net::ServerOptions options;
    options.listen = {*net::ParseListenAddress("0.0.0.0:0")};
    options.tls = *net::TlsContext::ForServer(cert, key);
    net::HttpServer server(
        shards_, std::move(options),
        [location](net::Exchange& exchange) -> net::Task<void> {
          (void)co_await exchange.Respond(302, "location: " + location + "\r\n", "");
        },
        [](std::string_view, const Error& error) {
          return net::RefusalBody{error.message, "text/plain"};
        });
    EXPECT_TRUE(server.Listen().ok());
    RegistryConfig config;
    config.host = "127.0.0.1:" + std::to_string(server.bound()[0].port);
    config.origin = {net::Scheme::kHttps, "127.0.0.1", server.bound()[0].port, ""};
    config.storage = std::move(storage);
    RegistryClientOptions client_options;
    client_options.tls = [ca] { return net::TlsContext::ForClient(ca); };
    std::unique_ptr<RegistryClient> client;
    OnShard([&] {
      client = std::make_unique<RegistryClient>(shards_[0], std::move(config), client_options);
    });
    Result<std::string> got = FetchWith(*client);
    OnShard([&] { client.reset(); });
    return got;
  }

 private:
  Result<std::string> FetchWith(RegistryClient& client) {
    RegistryAccess access(client);
    return Run(FetchManifest(access, cancel_, *ModelName::Parse("ann/notes:v1", "")));
  }
};

TEST_F(TlsRegistryTest, ARedirectThatLeavesEncryptionIsRefused) {
  const Result<std::string> got =
      FetchRedirected("http://" + server_.host() + "/x", {server_.origin()});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(got.error().reason, "plain_redirect");
  EXPECT_TRUE(server_.requests().empty());
}

TEST(DefaultRegistries, AreEncryptedAndHaveNoCredentials) {
  for (const RegistryConfig& config : DefaultRegistries()) {
    EXPECT_EQ(config.origin.scheme, net::Scheme::kHttps);
    EXPECT_TRUE(config.token.empty());
    EXPECT_TRUE(config.storage.empty());
  }
}

}  // namespace
}  // namespace tidegate::models
