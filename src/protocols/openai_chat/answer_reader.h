// Turning the JSON of an answer into events: one chunk of a stream after another, or one whole
// completion.
//
// Servers of this protocol differ in what they leave out and where they put things. What is missing
// is tolerated where its meaning is clear (no role, null content, no index, usage in any chunk,
// arguments only at the end, the whole call in one chunk, `reasoning` for `reasoning_content`);
// what has the wrong type is an error, never a guess.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"

namespace tidegate::protocols::openai_chat {

// The state of one answer. Not thread-safe. Views in the events live as long as the document they
// were read from.
class AnswerReader {
 public:
  // One `data:` payload of a stream. `named_error`: the event was named "error", so the payload is
  // one whatever it holds. Errors: kProtocol, with the path of what is wrong.
  Result<void> ReadChunk(const json::Value& root, bool named_error, std::vector<core::Event>& out);
  // A whole body: as the chunks of it would be, but for the DoneEvent. One that says nothing, not
  // even an error: kProtocol.
  Result<void> ReadWhole(const json::Value& root, std::vector<core::Event>& out);

  // At least one choice has begun, and every one that has begun gave its reason for finishing.
  bool all_finished() const { return !choices_.empty() && unfinished_ == 0; }
  // Any choice had content or a reason for finishing.
  bool said_anything() const { return said_anything_; }
  // Of the last chunk read without error. A chunk that only reports usage has none.
  bool chunk_had_choices() const { return chunk_had_choices_; }

 private:
  struct Call {
    std::int64_t upstream_index;
    std::string id, name;
  };
  struct Choice {
    std::int64_t index;
    bool finished = false;
    bool spoke = false;  // an event with content was made
    std::vector<Call> calls;
  };

  Choice& FindChoice(std::int64_t index);
  Result<void> ReadChoice(const json::Object& choice, std::int64_t position,
                          std::vector<core::Event>& out);
  Result<void> ReadMessage(const json::Object& message, Choice& choice,
                           std::vector<core::Event>& out);
  Result<void> ReadContent(const json::Value& content, Choice& choice,
                           std::vector<core::Event>& out);
  Result<void> ReadToolCall(const json::Object& call, std::int64_t position, Choice& choice,
                            std::vector<core::Event>& out);
  Result<std::size_t> FindCall(const json::Object& call, std::int64_t position, std::string_view id,
                               Choice& choice);
  Result<void> ReadFinish(const json::Value& reason, Choice& choice, std::vector<core::Event>& out);

  bool started_ = false;
  bool chunk_had_choices_ = false;
  bool said_anything_ = false;
  std::vector<Choice> choices_;
  std::size_t unfinished_ = 0;
};

// The numbers of a `usage` object, wherever vendors put them. What cannot be believed (negative,
// beyond kUsageTokensMax, not whole, at odds with the others, no object at all) is left out, and
// the result is marked as estimated: an answer is not worth less because its bill is unreadable.
core::Usage ReadUsage(const json::Value& usage);
// What llama-server's `timings` add to it: the tokens that were guessed ahead. Likewise left out
// where they cannot be believed.
void ReadDrafts(const json::Value& timings, core::Usage& usage);

}  // namespace tidegate::protocols::openai_chat
