// Leaving out what does not fit a window, where its caller allows it.
//
// Of a conversation whole messages go, the oldest first, and what is left is a conversation still:
// its instructions stay, and so does what the user said last; a tool call and its results stay or
// go together; and what is left of the past begins with something that a user said. Of a text to be
// embedded its tokens go, at one end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/embed.h"
#include "core/request.h"

namespace tidegate::core {

// The ways to shorten one conversation, each leaving out more than the one before it. Views the
// request.
class Shortening {
 public:
  explicit Shortening(const Request& request);

  // The number of ways; 0 = nothing can go.
  std::size_t steps() const { return steps_.size(); }
  // Of `step` from 1 to steps(): how many messages go, and what is left. Its bytes no longer say
  // it, so it is written anew; it views what the request views, and the request.
  std::int64_t Dropped(std::size_t step) const;
  Request After(std::size_t step) const;

 private:
  // What stands before `past_end`, and between the last that the user said and `work_end`: all but
  // instructions.
  struct Step {
    std::size_t past_end, work_end;
  };
  bool Goes(const Step& step, std::size_t message) const;

  const Request& request_;
  std::size_t last_user_ = 0;
  std::vector<Step> steps_;
};

// The tokens of a text that has to have at most `tokens_max` of them with the tokenizer's own marks
// around it. `marked`: with these marks; `plain`: without. They stay, and the text loses its end,
// or with Truncate::kStart its beginning.
std::vector<std::int64_t> CutTokens(std::span<const std::int64_t> marked,
                                    std::span<const std::int64_t> plain, std::size_t tokens_max,
                                    Truncate truncate);

}  // namespace tidegate::core
