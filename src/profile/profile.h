// What a request needs, seen without understanding it: tokens, capabilities, difficulty, the length
// of the answer.
//
// The planner chooses on these numbers, so they must be cheap (below 20 µs for a 2 KB prompt), the
// same for the same request, and honest: `input_tokens_max` is a bound that money is reserved on,
// every other number is an estimate and says so.
#pragma once

#include <cstdint>
#include <optional>

#include "core/capability.h"
#include "core/embed.h"
#include "core/request.h"
#include "core/rerank.h"

namespace tidegate::profile {

struct Profile {
  std::int64_t input_tokens_estimate = 0;
  // Of those: of images, sounds and files. What one of them takes depends on the model, ten times
  // more or less.
  std::int64_t media_tokens_estimate = 0;
  // Never exceeded by a tokenizer with at least one byte a token; kTokensUnbounded (tokens.h) when
  // only the window bounds it.
  std::int64_t input_tokens_max = 0;
  std::int64_t output_tokens_estimate = 0;  // of one choice
  std::int64_t output_tokens_limit = 0;     // the caller's limit of one choice; 0 = none stated
  std::int64_t choices = 1;
  bool writes = true;  // the answer is written token by token, and each costs
  // Texts that have the window to themselves, and what of the longest of them has to fit; nothing =
  // all of the input.
  std::int64_t prompts = 1;
  std::optional<std::int64_t> longest_prompt_estimate = {};
  std::int64_t window_tokens = 0;  // of the window that the caller asks for; 0 = any that it fits
  bool may_shorten = false;        // what does not fit may be left out
  std::int64_t requests_max = 1;   // how often the price of a request may be due, at most
  core::Protocol protocol = core::Protocol::kOpenAiChat;  // that the caller speaks
  core::CapabilitySet needs;
  double difficulty = 0;  // 0 … 1; a request of middling difficulty is 0.5
};

// Pure. Looks at every message's size but reads only a bounded part of the text (kReadBytesMax in
// difficulty.h).
Profile Compute(const core::Request& request);
Profile Compute(const core::EmbedRequest& request);
Profile Compute(const core::RerankRequest& request);

}  // namespace tidegate::profile
