// The Asio side of TLS; included by stream.cc and tls.cc only, because it is slow to compile.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "net/stream.h"
#include "net/tls.h"

namespace tidegate::net {

struct TlsContext::State {
  explicit State(asio::ssl::context::method method) : context(method) {}
  asio::ssl::context context;
};

struct TlsStream {
  TlsStream(Socket& socket, asio::ssl::context& context) : stream(socket, context) {}
  asio::ssl::stream<Socket&> stream;
};

}  // namespace tidegate::net
