#include "net/tls.h"

#include "net/tls_stream.h"

namespace tidegate::net {
namespace {

Error FileError(const std::string& what, const std::string& file, const error_code& ec) {
  return Error{
      ErrorCode::kInvalidArgument, ErrorSource::kGateway, Retry::kNever,
      "cannot use " + what + " " + file + ": " + ec.message() + "; give a readable PEM file"};
}

// Picks what the two sides will speak (ALPN), HTTP/2 before HTTP/1.1. A client that offers only
// other protocols is refused, as RFC 7301 wants: it may have been led here by somebody else.
int SelectProtocol(SSL*, const unsigned char** selected, unsigned char* selected_size,
                   const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char kServed[] = "\x02h2\x08http/1.1";
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, selected_size, kServed, sizeof kServed - 1,
                                           offered, offered_size);
  *selected = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

TlsContext::TlsContext() = default;
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::ForServer(const std::string& certificate_file,
                                                          const std::string& key_file) {
  std::shared_ptr<TlsContext> made(new TlsContext());
  made->state_ = std::make_unique<State>(asio::ssl::context::tls_server);
  asio::ssl::context& context = made->state_->context;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  // HTTP/2 forbids both (RFC 9113 9.2.1), and nobody needs them.
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_alpn_select_cb(context.native_handle(), SelectProtocol, nullptr);
  error_code ec;
  context.use_certificate_chain_file(certificate_file, ec);
  if (ec) return FileError("the certificate", certificate_file, ec);
  context.use_private_key_file(key_file, asio::ssl::context::pem, ec);
  if (ec) return FileError("the private key", key_file, ec);
  return made;
}

Result<std::shared_ptr<TlsContext>> TlsContext::ForClient(const std::string& ca_file) {
  std::shared_ptr<TlsContext> made(new TlsContext());
  made->state_ = std::make_unique<State>(asio::ssl::context::tls_client);
  asio::ssl::context& context = made->state_->context;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  error_code ec;
  if (ca_file.empty()) {
    context.set_default_verify_paths(ec);
    if (ec) return FileError("the system's certificates", "", ec);
  } else {
    context.load_verify_file(ca_file, ec);
    if (ec) return FileError("the certificate authority", ca_file, ec);
  }
  context.set_verify_mode(asio::ssl::verify_peer, ec);
  if (ec) return Internal("cannot demand certificate verification: " + ec.message());
  return made;
}

}  // namespace tidegate::net
