// How to reach one upstream: everything about a deployment that a sender needs and a planner does
// not.
#pragma once

#include <memory>
#include <string>

#include "base/secret.h"
#include "core/place.h"
#include "core/rate_limits.h"
#include "core/request.h"
#include "net/address.h"
#include "protocols/aws_sigv4/signer.h"

namespace tidegate::dispatch {

// Immutable once made; any thread.
struct Target {
  std::string name;  // "provider/model", for records and errors
  core::Protocol protocol = core::Protocol::kOpenAiChat;
  core::Place place = core::Place::kCloud;
  net::Origin origin;
  std::string base_path;  // "/v1", below which the protocol's paths stand
  Secret fields;  // header lines for every request: credentials and what the vendor wants, each
                  // with CRLF
  // Signs each request as it is sent, instead of credentials in `fields`; may be null.
  std::shared_ptr<const protocols::aws_sigv4::Signer> signer = nullptr;
  // How its answers tell of rate limits; null = they do not.
  std::shared_ptr<const core::RateLimitFields> rate_limits = nullptr;
};

}  // namespace tidegate::dispatch
