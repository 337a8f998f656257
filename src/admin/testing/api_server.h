// For tests of one part of the API alone: a server on loopback that has nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "net/server.h"
#include "net/testing/raw_client.h"
#include "policy/principal.h"

namespace tidegate::admin::testing {

// Two callers: the field x-admin says that it is the one who may do everything, as if the gateway
// had authenticated it.
struct Callers {
  Callers() { admin.scopes = policy::ScopeSet::All(); }
  const policy::Principal& Of(const net::Exchange& exchange) const {
    return exchange.head().Find("x-admin") ? admin : other;
  }

  policy::Principal admin, other;
};

class ApiServer {
 public:
  explicit ApiServer(net::Handler handler) {
    net::ServerOptions options;
    options.listen = {*net::ParseListenAddress("127.0.0.1:0")};
    options.drain_nanos = 0;
    server_ = std::make_unique<net::HttpServer>(
        shards_, std::move(options), std::move(handler), [](std::string_view, const Error& error) {
          return net::RefusalBody{error.message, "text/plain"};
        });
    EXPECT_TRUE(server_->Listen().ok());
  }
  ~ApiServer() {
    Close();
    shards_.Stop();
  }

  // No handler runs any more, while what they have begun still may.
  void Close() { server_.reset(); }

  std::uint16_t port() const { return server_->bound()[0].port; }

  // The whole answer, head and body. `fields`: complete header lines.
  std::string Ask(const std::string& method, const std::string& path, const std::string& body,
                  const std::string& fields) const {
    net::testing::RawClient client = net::testing::RawClient::Tcp(port());
    client.Send(method + " " + path + " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n" +
                fields + "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.ReadToEnd();
  }

 private:
  net::ShardSet shards_{1};
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace tidegate::admin::testing
