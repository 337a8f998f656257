// TLS through OpenSSL: contexts for servers and clients.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace tidegate::net {

// A shared, immutable configuration of TLS. Thread-safe once made.
class TlsContext {
 public:
  // For a server: PEM certificate chain and key. TLS 1.2 and newer; offers HTTP/2 and HTTP/1.1.
  // Errors name the file and the remedy.
  static Result<std::shared_ptr<TlsContext>> ForServer(const std::string& certificate_file,
                                                       const std::string& key_file);
  // For clients: verifies against the system's roots, or against `ca_file` alone when it is given.
  static Result<std::shared_ptr<TlsContext>> ForClient(const std::string& ca_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  struct State;  // OpenSSL's, kept out of this header
  State& state() const { return *state_; }

 private:
  TlsContext();
  std::unique_ptr<State> state_;
};

struct TlsStream;  // defined in tls_stream.h, for stream.cc alone

}  // namespace tidegate::net
