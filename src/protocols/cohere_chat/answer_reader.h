// Turning the JSON of an answer into events: one event of a stream after another, or one whole
// answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"
#include "protocols/answer_stream.h"
#include "protocols/cohere_chat/cited_text.h"

namespace tidegate::protocols::cohere_chat {

// The state of one answer. Not thread-safe. Views in the events live as long as the document they
// were read from.
class AnswerReader {
 public:
  // The data of one event of a stream, whose name serves where the data does not name its type.
  // kDone: it was message-end. Errors: kProtocol.
  Result<FrameKind> ReadEvent(const json::Value& root, std::string_view name,
                              std::vector<core::Event>& out);
  // A whole answer, or an error.
  Result<void> ReadAnswer(const json::Value& root, std::vector<core::Event>& out);

 private:
  // Where a block of content begins in the answer's text, in characters.
  struct Block {
    std::int64_t index = 0, begin = 0;
  };

  Result<void> ReadContent(const json::Object& event, bool start, std::vector<core::Event>& out);
  Result<void> ReadPlan(const json::Object& event, std::vector<core::Event>& out);
  Result<void> ReadCallStart(const json::Object& event, std::vector<core::Event>& out);
  Result<void> ReadCallDelta(const json::Object& event, std::vector<core::Event>& out);
  Result<void> ReadCitations(const json::Object& event, std::vector<core::Event>& out);
  Result<FrameKind> ReadEnd(const json::Object& event, std::vector<core::Event>& out);

  Result<void> ReadBlocks(const json::Value& content, std::vector<core::Event>& out);
  Result<void> ReadCall(const json::Value& call, std::int64_t index, std::vector<core::Event>& out);
  Result<void> ReadCitation(const json::Value& value, std::vector<core::Event>& out);
  void BeginBlock(std::int64_t index);
  void AddText(std::string_view text, std::vector<core::Event>& out);

  CitedText text_;
  std::vector<Block> blocks_;  // of text, by index
  std::int64_t plan_begin_ = -1;
  std::vector<std::int64_t> calls_;  // the upstream's numbers of them
};

// See FrameReader in answer_stream.h.
class FrameReader {
 public:
  Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);
  bool done() const { return done_; }
  bool failed() const { return failed_; }
  bool all_finished() const { return done_; }  // the reason for finishing is the end mark

 private:
  AnswerReader answer_;
  std::string joined_;  // data of several lines
  bool done_ = false, failed_ = false;
};

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out);

// The numbers of a `usage` object. What is billed counts, where it is said: the prompt that the
// vendor adds is not. What cannot be believed is left out, and the result marked as estimated.
core::Usage ReadUsage(const json::Value& usage);

}  // namespace tidegate::protocols::cohere_chat
