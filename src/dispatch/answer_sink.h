// Where an answer goes. The dispatcher decides when; the gateway knows how the client wants it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "core/usage.h"
#include "net/async.h"

namespace tidegate::dispatch {

// What is known of the answer when its first byte goes to the client.
struct AnswerHead {
  std::string_view content_type;
  const core::Usage* usage = nullptr;  // known for whole answers only
  std::string_view rate_limits = {};   // header lines in the client's words
  std::int64_t requests = 1;           // how often the price of a request is due
};

// One request's sink. Until Whole or Begin is called nothing has reached the client and another
// target may still answer. Errors: kCancelled (the client is gone).
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual net::Task<Result<void>> Whole(AnswerHead head,
                                        std::span<const std::string_view> body) = 0;
  virtual net::Task<Result<void>> Begin(AnswerHead head) = 0;
  virtual net::Task<Result<void>> Write(std::span<const std::string_view> pieces) = 0;
  // The end, behind the last pieces where there are any.
  virtual net::Task<Result<void>> End(std::span<const std::string_view> last) = 0;
};

}  // namespace tidegate::dispatch
