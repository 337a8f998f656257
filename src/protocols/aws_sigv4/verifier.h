// Checking the AWS signatures of our own callers: an AWS SDK that is pointed at this gate signs its
// requests with a key that the gate gave out, and never sends the key itself.
//
// A signature covers the method, the path, the query, the signed headers and the body, so nothing
// of them can have been changed on the way. Only the Authorization header is taken, not signatures
// in the query (presigned URLs) and not bodies that are signed in chunks.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "protocols/aws_sigv4/canonical.h"
#include "protocols/aws_sigv4/signing_keys.h"

namespace tidegate::protocols::aws_sigv4 {

// The secret of an access key id, or nullptr when nobody has that id. Must live until Verify
// returns.
using SecretLookup = std::function<const Secret*(std::string_view access_key_id)>;

struct VerifyOptions {
  std::string_view service = {};  // that the signature must be for, "bedrock"
  std::string_view region = {};   // likewise; empty = any
  // Takes "x-amz-content-sha256: UNSIGNED-PAYLOAD": then the signature says nothing about the body.
  bool allow_unsigned_payload = false;
};

// Who signed. Views the request's Authorization header.
struct Signature {
  std::string_view access_key_id;
  std::string_view region;
  bool payload_signed = true;
};

// Whether request.headers hold an Authorization header of this algorithm: whether Verify is the way
// to authenticate this caller.
bool IsSigned(const Request& request);

// Who signed the request. `received` holds everything as it was received, all headers included; the
// host of HTTP/2 as a header named ":authority" or "host", once: AWS's JavaScript SDK speaks HTTP/2
// and signs it under the first name. A session token is covered by the signature like any header
// and means nothing here. Hashes the whole body.
//
// Refused are also: a time more than kClockSkewNanosMax away from `wall_nanos` (the caller's clock
// is wrong, or the request is an old one sent again), an x-amz-date of another day than the
// credential's, a host or an x-amz-… header that is not signed, a signed header that is not there,
// a header of the signature that stands twice, a path that is not in normal form (two paths would
// have one signature), anything malformed.
//
// Errors: kUnauthenticated, with one and the same message whatever was wrong, and after the same
// work for an unknown access key id as for a known one: who guesses learns nothing.
Result<Signature> Verify(const Request& received, const SecretLookup& secret_of,
                         const VerifyOptions& options, std::int64_t wall_nanos, SigningKeys& keys);

}  // namespace tidegate::protocols::aws_sigv4
