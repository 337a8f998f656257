// Turning the JSON of an answer into events: one event of a stream after another, or one whole
// response.
//
// Servers of this protocol differ in what they send in pieces. What was not told by deltas is taken
// from the item when it is done, and what no item told from the response at the end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"
#include "protocols/answer_stream.h"

namespace tidegate::protocols::openai_responses {

// The state of one answer. Not thread-safe. Views in the events live until the next call, and no
// longer than the document they were read from.
class AnswerReader {
 public:
  // The data of one event of a stream. kDone: it was the last. Errors: kProtocol.
  Result<FrameKind> ReadEvent(const json::Value& root, std::vector<core::Event>& out);
  // A whole response, or an error.
  Result<void> ReadResponse(const json::Value& root, std::vector<core::Event>& out);

 private:
  // What is known of the item at one place of the output.
  struct Item {
    std::int64_t index = -1;
    std::int64_t call = -1;  // number of the call, for calls
    bool custom = false;
    bool told = false;  // content of it was made into events
    bool done = false;
  };

  Item* Find(std::int64_t index);
  Result<Item*> FindFor(const json::Object& event);
  Result<Item*> Add(const json::Object& item, std::int64_t index, std::vector<core::Event>& out);
  void ReadStart(const json::Object& response, std::vector<core::Event>& out);
  Result<bool> ReadDelta(std::string_view type, const json::Object& event,
                         std::vector<core::Event>& out);
  Result<void> ReadItemDone(const json::Object& event, std::vector<core::Event>& out);
  Result<void> ReadWholeItem(const json::Object& object, Item& item, std::vector<core::Event>& out);
  Result<void> ReadContent(const json::Object& object, std::vector<core::Event>& out);
  void ReadThought(const json::Object& object, Item& item, std::vector<core::Event>& out);
  void TellInput(Item& item, std::string_view text, std::vector<core::Event>& out);
  void EndInput(const Item& item, std::vector<core::Event>& out);
  Result<FrameKind> ReadEnd(const json::Object& response, std::vector<core::Event>& out);
  Result<void> ReadOutput(const json::Object& response, std::vector<core::Event>& out);

  std::vector<Item> items_;
  std::int64_t calls_ = 0;
  bool started_ = false;
};

// See FrameReader in answer_stream.h.
class FrameReader {
 public:
  Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);
  bool done() const { return done_; }
  bool failed() const { return failed_; }
  // Only the response at the end says that it is complete.
  bool all_finished() const { return false; }

 private:
  AnswerReader answer_;
  std::string joined_;  // data of several lines
  bool done_ = false, failed_ = false;
};

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out);

}  // namespace tidegate::protocols::openai_responses
