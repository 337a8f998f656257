// Turning the JSON of an answer into events: one chunk of a stream after another, or one whole
// answer, which is a chunk too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"
#include "protocols/answer_stream.h"

namespace tidegate::protocols::gemini {

// The state of one answer. Not thread-safe. Views in the events live until the next call on this
// thread.
class AnswerReader {
 public:
  // A chunk, or an error (kError). Errors: kProtocol.
  Result<FrameKind> ReadChunk(const json::Value& root, std::vector<core::Event>& out);

  // Every candidate that began has said why it ended, and so the answer may end.
  bool all_finished() const;

 private:
  struct Choice {
    std::int64_t index = 0;
    std::int64_t calls = 0;
    bool finished = false;
    // A signature came with no text, so what it belongs to must be told from what comes next.
    bool unbound = false;
  };

  Choice& ChoiceAt(std::int64_t index);
  Result<void> ReadCandidate(const json::Value& value, std::vector<core::Event>& out);
  Result<void> ReadPart(const json::Value& value, Choice& choice, std::vector<core::Event>& out);
  Result<void> ReadCall(const json::Value& value, Choice& choice, std::vector<core::Event>& out);
  void ReadCitations(const json::Object& candidate, const Choice& choice,
                     std::vector<core::Event>& out);
  void ReadGrounding(const json::Object& grounding, const Choice& choice,
                     std::vector<core::Event>& out);
  bool AddCitation(const core::CitationEvent& citation, std::vector<core::Event>& out);
  void ReadUsage(const json::Value& value, std::vector<core::Event>& out);

  std::vector<Choice> choices_;
  std::size_t citations_ = 0;
  std::int64_t calls_ = 0;  // of all candidates
  bool started_ = false;
};

// See FrameReader in answer_stream.h. There is no end mark: an answer ends with its body.
class FrameReader {
 public:
  Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);
  bool done() const { return false; }
  bool failed() const { return failed_; }
  bool all_finished() const { return answer_.all_finished(); }

 private:
  AnswerReader answer_;
  std::string joined_;  // data of several lines
  bool failed_ = false;
};

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out);

}  // namespace tidegate::protocols::gemini
