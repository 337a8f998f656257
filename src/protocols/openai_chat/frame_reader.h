// Reading the frames of one stream; see answer_stream.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "protocols/answer_stream.h"
#include "protocols/openai_chat/answer_reader.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/event.h"
#include "protocols/sse/splitter.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::openai_chat {

// Without blanks around it.
std::string_view TrimData(std::string_view text);
inline constexpr std::string_view kDoneData = "[DONE]";

// The state of one stream whose chunks `Reader` reads, as AnswerReader does. Not thread-safe.
template <typename Reader>
class ChunkFrames {
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
  Reader answer_;
  std::string joined_;  // data of several lines
  bool done_ = false;
  bool failed_ = false;
};

using FrameReader = ChunkFrames<AnswerReader>;

template <typename Reader>
Result<FrameKind> ChunkFrames<Reader>::Read(std::string_view frame, std::vector<core::Event>& out) {
  const sse::Event event = sse::ParseEvent(frame, joined_);
  const std::string_view data = TrimData(event.data);
  if (data.empty()) return FrameKind::kIdle;
  if (done_ || failed_) return FrameKind::kIgnored;
  if (data == kDoneData) {
    if (!answer_.said_anything()) return MalformedAnswer("is empty");
    done_ = true;
    out.emplace_back(core::DoneEvent{});
    return FrameKind::kDone;
  }
  const std::size_t before = out.size();
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(data, sse::kFrameBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  if (Result<void> read = answer_.ReadChunk(*root, event.name == "error", out); !read.ok()) {
    out.resize(before);
    return std::move(read).error();
  }
  if (out.size() == before) return FrameKind::kChunk;
  if (std::holds_alternative<core::ErrorEvent>(out.back())) {
    failed_ = true;
    return FrameKind::kError;
  }
  const bool has_usage = std::holds_alternative<core::UsageEvent>(out.back());
  return has_usage && !answer_.chunk_had_choices() ? FrameKind::kUsage : FrameKind::kChunk;
}

}  // namespace tidegate::protocols::openai_chat
