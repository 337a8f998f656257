// Turning the JSON of an answer into events: chunks of a stream, or one whole completion. See
// openai_chat/answer_reader.h, which this is the like of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"

namespace tidegate::protocols::openai_completions {

// The state of one answer. Not thread-safe. Views in the events live as long as the document they
// were read from.
//
// Log-probabilities are entries as chats have them, which llama-server sends here too, or the
// object of arrays that this protocol describes; logprobs.h reads both.
class AnswerReader {
 public:
  Result<void> ReadChunk(const json::Value& root, bool named_error, std::vector<core::Event>& out);
  Result<void> ReadWhole(const json::Value& root, std::vector<core::Event>& out);

  bool all_finished() const { return !finished_.empty() && unfinished_ == 0; }
  bool said_anything() const { return said_anything_; }
  bool chunk_had_choices() const { return chunk_had_choices_; }

 private:
  Result<void> ReadChoice(const json::Object& choice, std::int64_t position,
                          std::vector<core::Event>& out);

  bool started_ = false;
  bool chunk_had_choices_ = false;
  bool said_anything_ = false;
  std::unordered_map<std::int64_t, bool> finished_;  // of each choice that has begun
  std::size_t unfinished_ = 0;
};

}  // namespace tidegate::protocols::openai_completions
