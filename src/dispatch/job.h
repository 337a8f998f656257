// Upstreams that answer with a job (protocols/jobs.h): asking for its answer until it is there, and
// ending it when nobody wants it any more. Private to dispatch/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dispatch/attempt_state.h"
#include "dispatch/target.h"
#include "net/address.h"
#include "protocols/jobs.h"

namespace tidegate::dispatch {

// Where a step goes. An address that the upstream names is followed only to the target itself or,
// by https, to another host of its domain, and credentials go to the target alone.
struct JobAddress {
  net::Origin origin;
  std::string path;
  bool with_credentials = false;
};
// Errors: kProtocol.
Result<JobAddress> AddressOf(const Target& target, const protocols::JobStep& step);

// Takes the attempt on from `created`, an answer that tells of a job.
net::Task<void> RunJob(Attempt& attempt, net::ClientExchange& created);

}  // namespace tidegate::dispatch
