// How to reach one upstream: everything about a deployment that a sender needs and a planner does
// not.
#pragma once

#include <string>

#include "base/secret.h"
#include "core/place.h"
#include "core/request.h"
#include "net/address.h"

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
};

}  // namespace tidegate::dispatch
