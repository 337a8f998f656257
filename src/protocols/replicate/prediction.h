// A prediction as Replicate tells of it, and the frames of its stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"
#include "protocols/answer_stream.h"
#include "protocols/jobs.h"

namespace tidegate::protocols::replicate {

// The events of a prediction that has ended: its output, or why there is none. Errors: kProtocol.
Result<void> ReadPrediction(const json::Value& root, std::vector<core::Event>& out);

// What to do about a prediction; see Jobs.
const Jobs& Predictions();

// See FrameReader in answer_stream.h. Events are named: `output` is text, `error` and `done` end
// it.
class FrameReader {
 public:
  Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);
  bool done() const { return done_; }
  bool failed() const { return failed_; }
  bool all_finished() const { return done_; }

 private:
  FrameKind Fail(Error error, std::vector<core::Event>& out);
  std::string joined_;  // data of several lines
  bool done_ = false, failed_ = false;
};

}  // namespace tidegate::protocols::replicate
