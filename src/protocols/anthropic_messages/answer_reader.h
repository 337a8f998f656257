// Turning the JSON of an answer into events: one event of a stream after another, or one whole
// message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"
#include "protocols/answer_stream.h"

namespace tidegate::protocols::anthropic_messages {

// The state of one answer. Not thread-safe. Views in the events live as long as the document they
// were read from.
class AnswerReader {
 public:
  // The data of one event of a stream. kDone: it was message_stop. Errors: kProtocol.
  Result<FrameKind> ReadEvent(const json::Value& root, std::vector<core::Event>& out);
  // A whole message, or an error.
  Result<void> ReadMessage(const json::Value& root, std::vector<core::Event>& out);

  // The reason for stopping has come; only message_stop can follow.
  bool stopped() const { return stopped_; }

 private:
  struct Block {
    std::int64_t index = -1;
    std::string_view type;
    std::int64_t call = -1;      // number of the call, for tool_use
    std::string late_arguments;  // that came with the start, in case no deltas do
  };

  Result<void> ReadStart(const json::Object& message, std::vector<core::Event>& out);
  Result<void> StartBlock(const json::Object& event, std::vector<core::Event>& out);
  Result<void> ReadDelta(const json::Object& event, std::vector<core::Event>& out);
  Result<void> StopBlock(const json::Object& event, std::vector<core::Event>& out);
  Result<void> ReadMessageDelta(const json::Object& event, std::vector<core::Event>& out);
  Result<void> ReadContent(const json::Value& content, std::vector<core::Event>& out);
  void ReadStop(const json::Object& delta, std::vector<core::Event>& out);
  void MergeUsage(const json::Object& holder);
  core::Usage UsageSoFar() const;
  Block* FindBlock(std::int64_t index);

  std::vector<Block> blocks_;  // that are open
  std::int64_t calls_ = 0;
  // As the provider counts: the input without what was cached.
  std::int64_t input_ = 0, cached_read_ = 0, cached_write_ = 0, output_ = 0;
  bool usage_seen_ = false, usage_odd_ = false, stopped_ = false;
};

// See FrameReader in answer_stream.h.
class FrameReader {
 public:
  Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);
  bool done() const { return done_; }
  bool failed() const { return failed_; }
  bool all_finished() const { return answer_.stopped(); }

 private:
  AnswerReader answer_;
  std::string joined_;  // data of several lines
  bool done_ = false, failed_ = false;
};

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out);

}  // namespace tidegate::protocols::anthropic_messages
