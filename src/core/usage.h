// What a provider says, or we estimate, that a request used.
#pragma once

#include <cstdint>

namespace tidegate::core {

struct Usage {
  std::int64_t input_tokens = 0;         // all of the prompt, cached parts included
  std::int64_t cached_read_tokens = 0;   // of the input
  std::int64_t cached_write_tokens = 0;  // of the input
  std::int64_t media_input_tokens = 0;   // of the input: images, sounds, files
  std::int64_t output_tokens = 0;        // all of the answer, reasoning included
  std::int64_t reasoning_tokens = 0;     // of the output
  std::int64_t media_output_tokens = 0;  // of the output
  // Of a local model: guessed ahead by a draft, and of those the ones that it would have said too.
  std::int64_t draft_tokens = 0, draft_accepted_tokens = 0;
  bool estimated = false;  // we counted, since the provider did not say
};

}  // namespace tidegate::core
