// What a model is asked while its speed is measured, and what its answers say: sans I/O.
//
// Prompts are tokens, drawn from those of a made-up text, so that a prompt has exactly the length
// that it is meant to have and never begins like another one: nothing that was read before helps.
// The same seed gives the same prompts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/measure.h"
#include "json/reader.h"

namespace tidegate::engine {

inline constexpr std::size_t kTokenPoolMin = 16;  // a vocabulary with fewer cannot be measured with
inline constexpr std::size_t kAnswerLineBytesMax = 4U << 20U;

// A body for /tokenize, and the different tokens of its answer, rising. Errors: kProtocol.
std::string PoolRequest();
Result<std::vector<std::int32_t>> ReadPool(std::string_view answer);

// Another prompt for each `seed`. REQUIRES: the pool has kTokenPoolMin tokens.
std::vector<std::int32_t> MakePrompt(const std::vector<std::int32_t>& pool, std::int64_t tokens,
                                     std::uint64_t seed);
// A body for /completion: the answer has `output_tokens` tokens, whatever the model would say, and
// comes as it is written.
std::string CompletionRequest(const std::vector<std::int32_t>& prompt, std::int64_t output_tokens,
                              std::uint64_t seed);

// Reads the answer to it, as text/event-stream brings it.
class AnswerReader {
 public:
  // `now`: when these bytes came. Errors: what llama-server says; kProtocol.
  Result<void> Feed(std::string_view bytes, std::int64_t now, AnswerTimes& times);
  // Errors: kProtocol when the answer is not complete.
  Result<void> Finish(std::int64_t now, AnswerTimes& times) const;

 private:
  Result<void> Line(std::string_view line, std::int64_t now, AnswerTimes& times);
  json::Reader reader_;
  std::string line_;  // as far as it came
  bool complete_ = false;
};

// What a failed answer says: "llama-server answered 400: …".
Error AnswerError(int status, std::string_view body);

}  // namespace tidegate::engine
