// Turning the JSON of an answer into events: one line of a stream after another, or one whole
// object. Both forms of asking are answered alike but for where the text stands.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"
#include "protocols/answer_stream.h"

namespace tidegate::protocols::ollama {

// The state of one answer. Not thread-safe. Views in the events live as long as the document they
// were read from.
class AnswerReader {
 public:
  // One object. kDone: it was the last one, and the events say so but for the DoneEvent. Errors:
  // kProtocol.
  Result<FrameKind> ReadObject(const json::Value& root, std::vector<core::Event>& out);

 private:
  Result<void> ReadMessage(const json::Object& message, std::vector<core::Event>& out);
  Result<void> ReadToolCalls(const json::Value& calls, std::vector<core::Event>& out);
  Result<void> ReadLogprobs(const json::Object& object, std::vector<core::Event>& out) const;
  void ReadEnd(const json::Object& object, std::vector<core::Event>& out) const;

  bool started_ = false;
  std::int64_t calls_ = 0;
};

// See FrameReader in answer_stream.h.
class FrameReader {
 public:
  Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);
  bool done() const { return done_; }
  bool failed() const { return failed_; }
  // The last line is the one that says "done": nothing less is an end.
  bool all_finished() const { return done_; }

 private:
  AnswerReader answer_;
  bool done_ = false, failed_ = false;
};

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out);

}  // namespace tidegate::protocols::ollama
