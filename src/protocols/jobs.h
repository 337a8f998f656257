// Protocols whose upstream answers a request with a job, and gives the answer to whoever asks for
// it afterwards.
//
// The codec says what to ask for; how it is sent, waited for and given up is dispatch's. Like all
// of protocols/ this is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::protocols {

// One more request about a job. It has no body.
struct JobStep {
  bool post = false;      // else GET
  std::string path = {};  // below the provider's base URL, or
  std::string url = {};   // where the upstream itself said; not to be believed without a look
  std::string_view accept = "application/json";
  std::int64_t wait_nanos = 0;  // before it is sent
};

class Jobs {
 public:
  virtual ~Jobs() = default;
  // What to ask for after the whole answer `body`, when it was asked `polls` times already; nothing
  // = it is the answer, for the decoder of whole bodies. `stream`: as it comes, if that can be had.
  // Errors: kProtocol.
  virtual Result<std::optional<JobStep>> Next(std::string_view body, bool stream,
                                              std::int64_t polls) const = 0;
  // What ends the job that `body` tells of; nothing = it has ended by itself.
  virtual std::optional<JobStep> Cancel(std::string_view body) const = 0;
};

}  // namespace tidegate::protocols
