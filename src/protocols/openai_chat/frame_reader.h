// Reading the frames of one stream: which of them mean something, what they say, and when the
// answer is over.
//
// The decoder and the relay must agree on this to the letter, whatever they do with it, so both ask
// here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "protocols/openai_chat/answer_reader.h"

namespace tidegate::protocols::openai_chat {

enum class FrameKind : std::uint8_t {
  kIdle,     // a comment, a ping, a blank line: nothing was said
  kChunk,    // a part of the answer; its events were appended
  kUsage,    // a chunk with usage and no choices
  kDone,     // "[DONE]"; a DoneEvent was appended
  kError,    // the upstream reported an error; an ErrorEvent was appended
  kIgnored,  // data behind [DONE] or behind an error
};

// The state of one stream. Not thread-safe.
class FrameReader {
 public:
  // Appends the frame's events to `out`. Their views live until the next call on this thread that
  // reads JSON. Errors: kProtocol; nothing of a malformed frame is appended, and the reader is of
  // no use then.
  Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);

  // For the clean end of the body: what stands behind the last blank line. Nothing when it is a
  // frame cut short; kIdle when it is blank or a comment; otherwise a frame that lacks only its
  // blank line, read as Read does.
  std::optional<FrameKind> ReadRest(std::string_view rest, std::vector<core::Event>& out);

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
