// Which version of HTTP a TLS listener and its client agree on (ALPN).
#include <algorithm>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "net/server.h"
#include "net/testing/certificates.h"
#include "net/testing/http2_frames.h"
#include "net/testing/server_fixture.h"

namespace tidegate::net::testing {
namespace {

// A TLS client that offers `protocols`, as ALPN writes them; "" = none.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, const std::string& protocols)
      : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free),
        ssl_(SSL_new(context_.get()), &SSL_free) {
    BIO* const bio = BIO_new_connect(("127.0.0.1:" + std::to_string(port)).c_str());
    CHECK(BIO_do_connect(bio) == 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    if (!protocols.empty()) {
      CHECK(SSL_set_alpn_protos(ssl_.get(),
                                reinterpret_cast<const unsigned char*>(protocols.data()),
                                static_cast<unsigned>(protocols.size())) == 0);
    }
    connected_ = SSL_connect(ssl_.get()) == 1;
  }
  bool connected() const { return connected_; }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  void Send(const std::string& bytes) {
    CHECK(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0);
  }
  std::string ReadThrough(const std::string& mark) {
    std::size_t looked_at = 0;  // all before it holds no mark: an answer may be long
    while (received_.find(mark, looked_at) == std::string::npos) {
      looked_at = received_.size() - std::min(received_.size(), mark.size());
      char bytes[16384];
      const int got = SSL_read(ssl_.get(), bytes, sizeof bytes);
      if (got <= 0) break;
      received_.append(bytes, static_cast<std::size_t>(got));
    }
    return received_;
  }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool connected_ = false;
  std::string received_;
};

class Http2TlsTest : public ServerTest {
 protected:
  void ListenTls(ServerOptions options = {}) {
    const CertificateAuthority authority;
    const std::string certificate = NewPath("gate.crt"), key = NewPath("gate.key");
    authority.Issue("IP:127.0.0.1", certificate, key);
    options.tls = *TlsContext::ForServer(certificate, key);
    Listen(std::move(options), "0.0.0.0:0");  // TLS is for who is not on this machine
  }
  static std::string Http2Request() { return Preface() + Frame(NGHTTP2_HEADERS, 5, 1, HpackGet()); }
};

TEST_F(Http2TlsTest, AClientThatOffersBothSpeaksHttp2) {
  ListenTls();
  TlsClient client(port(), "\x02h2\x08http/1.1");
  EXPECT_EQ(client.protocol(), "h2");
  client.Send(Http2Request());
  EXPECT_THAT(client.ReadThrough("hello"), ::testing::EndsWith("hello"));
}

TEST_F(Http2TlsTest, AClientThatOffersHttp1OrNothingSpeaksHttp1) {
  ListenTls();
  for (const std::string& offer : {std::string("\x08http/1.1"), std::string()}) {
    TlsClient client(port(), offer);
    EXPECT_EQ(client.protocol(), offer.empty() ? "" : "http/1.1");
    client.Send(Get("/"));
    EXPECT_THAT(client.ReadThrough("hello"), ::testing::StartsWith("HTTP/1.1 200 OK"));
  }
}

TEST_F(Http2TlsTest, AClientThatOffersOnlyOtherProtocolsIsRefused) {
  ListenTls();
  EXPECT_FALSE(TlsClient(port(),
                         "\x03"
                         "ftp")
                   .connected());
}

TEST_F(Http2TlsTest, PriorKnowledgeIsNotEnoughWithTls) {
  ListenTls();
  TlsClient client(port(), "\x08http/1.1");
  client.Send(Http2Request());
  EXPECT_THAT(client.ReadThrough("\r\n\r\n"), ::testing::StartsWith("HTTP/1.1 400"));
}

TEST_F(Http2TlsTest, ABigAnswerAndAnIdleEndWorkThroughTls) {
  ListenTls(Short(&ServerTimeouts::idle));
  TlsClient client(port(), "\x02h2");
  client.Send(Preface() +
              Frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4", 2) + Number(0x7fffffff)) +
              Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Number(0x7fff0000)) +
              Frame(NGHTTP2_HEADERS, 5, 1, HpackGet("/big")));
  const std::string goaway = Frame(NGHTTP2_GOAWAY, 0, 0, Number(1) + Number(0));
  const std::string answer = client.ReadThrough(goaway);
  EXPECT_GE(answer.size(), kBigBytes);
  EXPECT_TRUE(answer.ends_with(goaway));
}

}  // namespace
}  // namespace tidegate::net::testing
