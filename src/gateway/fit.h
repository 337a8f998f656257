// What a request loses so that it fits the window of a model of this device, where its caller
// allows it: counted by the model's own tokenizer, and no more than has to go. Private to gateway/.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/model_defaults.h"
#include "core/request.h"
#include "gateway/call.h"

namespace tidegate::gateway {

// A leased process of the engine.
struct Process {
  const dispatch::Target& target;
  const protocols::Dialect& dialect;
  std::string_view model;                         // the name to ask it for
  std::int64_t window_tokens = 0;                 // of its window
  const core::ModelDefaults* defaults = nullptr;  // what it adds to a conversation; may be null
};

// Whether anything of the call's request may go.
bool MayFit(const Call& call);

struct Shortened {
  core::Request request;  // views the call's
  std::int64_t dropped = 0;
};
// A conversation. Errors: context_length_exceeded, when what has to stay does not fit; those of
// asking the process.
net::Task<Result<Shortened>> ShortenToFit(Call& call, Process process);
// Texts to be embedded; how many of them were cut. REQUIRES: the call's work may be cut.
net::Task<Result<std::int64_t>> CutToFit(Call& call, Process process);

}  // namespace tidegate::gateway
