// Signing our requests to AWS (Signature Version 4, in the Authorization header).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "protocols/aws_sigv4/canonical.h"
#include "protocols/aws_sigv4/signing_keys.h"

namespace tidegate::protocols::aws_sigv4 {

struct Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;  // empty for long-lived keys
};

struct SignOptions {
  // Also states the hash of the body as x-amz-content-sha256, which only some services ask for.
  bool content_hash_field = false;
};

// Who signs, and for which region and service. Immutable: any thread.
class Signer {
 public:
  // Errors: kInvalidArgument for a part that is missing or cannot stand in a header line, with its
  // name as the field: "access_key_id", "secret_access_key", "session_token", "region", "service".
  static Result<Signer> Make(Credentials credentials, std::string region, std::string service);

  // The header lines to add to `request`, each ending in CRLF: x-amz-date, x-amz-security-token,
  // x-amz-content-sha256 and authorization. All of request.headers are signed, and the request must
  // be sent with them, its path, its query and its body as they are. Hashes the whole body.
  // REQUIRES: request.headers has one host field, and none of the lines that are added.
  Secret Sign(const Request& request, std::int64_t wall_nanos, SigningKeys& keys,
              const SignOptions& options = {}) const;

  const std::string& access_key_id() const { return credentials_.access_key_id; }
  const std::string& region() const { return region_; }
  const std::string& service() const { return service_; }

 private:
  Signer(Credentials credentials, std::string region, std::string service)
      : credentials_(std::move(credentials)),
        region_(std::move(region)),
        service_(std::move(service)) {}

  Credentials credentials_;
  std::string region_, service_;
};

}  // namespace tidegate::protocols::aws_sigv4
