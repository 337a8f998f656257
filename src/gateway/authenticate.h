// Phase 2: who is calling.
//
// Most callers send their key. AWS's clients never do: they sign each request with it, and the
// signature covers the body, so that has to be read first.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "gateway/gateway.h"
#include "net/http_head.h"
#include "policy/principal.h"

namespace tidegate::gateway {

struct ShardState;

struct Caller {
  const policy::Principal* principal = nullptr;
  std::optional<std::string_view> body;  // of the request, where it has been read
};

// Whether the request has an AWS signature that some key of this gate could have made.
bool IsProvenByItsBody(const GatewayParts& parts, const net::HttpHead& head);

// By the key in the head. Errors: kUnauthenticated.
Result<Caller> Authenticate(const GatewayParts& parts, ShardState& shard,
                            const net::HttpHead& head);

// By the signature. Reads the body, which may move what the head views. Errors: kUnauthenticated,
// kUnavailable (too many at once), those of Exchange::ReadBody. REQUIRES: IsProvenByItsBody.
net::Task<Result<Caller>> AuthenticateSigned(const GatewayParts& parts, ShardState& shard,
                                             net::Exchange& exchange);

}  // namespace tidegate::gateway
