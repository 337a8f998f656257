// Turning answers into events: one event of a stream after another, or one whole answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"
#include "protocols/answer_stream.h"
#include "protocols/aws_event_stream/message.h"
#include "protocols/aws_event_stream/splitter.h"

namespace tidegate::protocols::bedrock_converse {

// The state of one answer. Not thread-safe. Views in the events live as long as the document they
// were read from.
class AnswerReader {
 public:
  // One event of a stream by its name and payload. kDone: nothing can follow. Errors: kProtocol.
  Result<FrameKind> ReadEvent(std::string_view type, const json::Value& root,
                              std::vector<core::Event>& out);
  // A whole answer.
  Result<void> ReadAnswer(const json::Value& root, std::vector<core::Event>& out);

  // The reason for stopping has come; only metadata can follow.
  bool stopped() const { return stopped_; }

 private:
  struct OpenCall {
    std::int64_t block, call;
  };

  Result<void> StartBlock(const json::Object& event, std::vector<core::Event>& out);
  Result<void> ReadDelta(const json::Object& event, std::vector<core::Event>& out);
  Result<void> StopBlock(const json::Object& event);
  Result<void> ReadContent(const json::Value& content, std::vector<core::Event>& out);
  Result<void> ReadBlock(const json::Object& block, std::vector<core::Event>& out);
  Result<void> ReadToolUse(const json::Object& call, std::vector<core::Event>& out);
  Result<void> BeginCall(const json::Object& call, std::vector<core::Event>& out);
  Result<void> ReadStop(const json::Object& holder, std::vector<core::Event>& out);

  std::vector<OpenCall> open_;
  std::int64_t calls_ = 0;
  bool stopped_ = false, metadata_ = false;
};

// See FrameReader in answer_stream.h.
class FrameReader {
 public:
  using Splitter = aws_event_stream::Splitter;

  Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);
  bool done() const { return done_; }
  bool failed() const { return failed_; }
  bool all_finished() const { return answer_.stopped(); }

 private:
  AnswerReader answer_;
  std::vector<aws_event_stream::Header> headers_;
  bool done_ = false, failed_ = false;
};

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out);

}  // namespace tidegate::protocols::bedrock_converse
