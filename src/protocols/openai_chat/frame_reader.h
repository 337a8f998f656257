// Reading the frames of one stream; see answer_stream.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "protocols/answer_stream.h"
#include "protocols/openai_chat/answer_reader.h"

namespace tidegate::protocols::openai_chat {

// The state of one stream. Not thread-safe.
class FrameReader {
 public:
  // Appends the frame's events to `out`. Their views live until the next call on this thread that
  // reads JSON. Errors: kProtocol; nothing of a malformed frame is appended, and the reader is of
  // no use then.
  Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);

  // [DONE] was seen. Some servers never send it: at the clean end of a body, all_finished() says as
  // much.
  bool done() const { return done_; }
  bool failed() const { return failed_; }
  bool all_finished() const { return answer_.all_finished(); }

 private:
  AnswerReader answer_;
  std::string joined_;  // data of several lines
  bool done_ = false;
  bool failed_ = false;
};

}  // namespace tidegate::protocols::openai_chat
