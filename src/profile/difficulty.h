// How hard a request looks, from signs on its surface.
//
// A hand-set logistic score, no learned model: z = bias + Σ weight × sign, difficulty = 1 / (1 +
// e^-z). The signs and their weights are the tables in difficulty.cc. It separates greetings and
// look-ups from proofs, designs and programs, and no more than that is claimed.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/request.h"

namespace tidegate::profile {

// Bytes of the last user message that are read: its beginning and its end.
inline constexpr std::size_t kReadBytesMax = 512;

struct Signs {
  std::int64_t words = 0;       // of the whole text, judged by the part that was read
  double word_weight = 0;       // sum over the distinct telling words, each once
  bool code = false;            // a fenced block or many brackets and semicolons
  bool maths = false;           // operators between terms, LaTeX, mathematical symbols
  bool asks_for_text = false;   // write, implement, draft, …: a long answer
  bool asks_briefly = false;    // "one word", "briefly", yes or no
  bool short_question = false;  // what, who, when, where in a dozen words
};
Signs ReadSigns(std::string_view text);

// The text of the last user message (its first text part), which is what the difficulty is read
// from.
std::string_view LastUserText(const core::Request& request);

double Difficulty(const core::Request& request, const Signs& signs);
// Of one choice, without the caller's limit.
std::int64_t ExpectedOutputTokens(const core::Request& request, const Signs& signs,
                                  double difficulty);

}  // namespace tidegate::profile
