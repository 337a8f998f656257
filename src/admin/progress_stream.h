// What a long piece of work tells, as the answer to the request that asked for it: lines of JSON
// while it lasts, or the last of them alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "models/model_work.h"
#include "net/async.h"
#include "net/server.h"

namespace tidegate::admin {

// Begins the work, which reports to the sink from then on; what it returns ends the work early, and
// may be called from any thread, also when it has ended by itself.
using StartWork = std::function<std::function<void()>(models::ProgressSink)>;

// How errors are told.
struct ErrorShape {
  int (*status)(const Error& error);
  std::string (*encode)(const Error& error);
};
ErrorShape OllamaErrors();
ErrorShape OwnErrors();  // as the rest of /tidegate/…

// How much of it the client wants to hear.
enum class Telling : std::uint8_t { kEveryStep, kLastStep, kNothing };
inline Telling TellingOf(bool stream) { return stream ? Telling::kEveryStep : Telling::kLastStep; }

// Starts the work and answers with what it says. An error that comes before anything was told has
// its own status; one that comes later is the last line. When the client goes away, so does the
// work. Steps that come faster than the client reads are left out, but for the last of each status
// (progress is where it is, not how it got there).
net::Task<void> AnswerWithProgress(net::Exchange& exchange, StartWork start, Telling telling,
                                   ErrorShape errors = OllamaErrors());

net::Task<void> AnswerProgressError(net::Exchange& exchange, const Error& error, ErrorShape errors);
// In the shape that Ollama's clients expect.
net::Task<void> AnswerModelError(net::Exchange& exchange, const Error& error);

}  // namespace tidegate::admin
