// Measures how fast one model answers, by asking it: the same process, the same admission to memory
// and the same slots as for anybody else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/lease.h"
#include "engine/measure.h"
#include "net/async.h"
#include "net/cancel.h"
#include "net/client.h"
#include "net/shard.h"

namespace tidegate::engine {

// How many tokens a prompt has, and how many such requests run at once.
struct Cell {
  std::int64_t prompt_tokens = 0;
  int at_once = 1;
  friend bool operator==(const Cell&, const Cell&) = default;
};

// One shard; outlives what runs on it. Errors of every call: those of Engine::Acquire and of
// `cancel`; kUnavailable with what llama-server says; kProtocol.
class SpeedMeter {
 public:
  // `seed`: another one for every run, so that no prompt is asked twice.
  SpeedMeter(Engine& engine, net::Shard& shard, std::string model, std::uint64_t seed);

  // Every request needs a window of so many tokens; 0 = any will do. REQUIRES: before WarmUp.
  void NeedWindow(std::int64_t tokens) { window_tokens_ = tokens; }
  // Loads the model and lets it answer once, which is slower than all that follows. Again after
  // every restart of its process. REQUIRES: before Run.
  net::Task<Result<void>> WarmUp(net::CancelToken& cancel);
  // Sends `cell.at_once` requests and waits for all.
  net::Task<Result<Round>> Run(Cell cell, std::int64_t output_tokens, net::CancelToken& cancel);

 private:
  struct Asking;  // what the requests of one round share
  net::Task<void> Ask(Asking& asking, std::size_t index);
  net::Task<Result<AnswerTimes>> Answer(Endpoint endpoint, std::string body,
                                        net::CancelToken& cancel);
  net::Task<Result<void>> LoadPool(Endpoint endpoint);
  void NoteUsers(Asking& asking) const;

  Engine& engine_;
  net::Shard& shard_;
  const std::string model_;
  std::uint64_t seed_;
  std::int64_t window_tokens_ = 0;
  net::HttpClient client_;
  std::vector<std::int32_t> pool_;  // of tokens
};

}  // namespace tidegate::engine
