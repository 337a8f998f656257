// Pre-rendered answers for benchmarks: what must be fast is the software in front, so the provider
// may cost next to nothing.
//
// Nothing is parsed: the body's bytes are searched for "model", "stream" and "include_usage" as
// member names, anywhere. Nothing is allocated for a request, and the journal only counts. The
// answers are still true to the protocol.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "emulator/journal.h"
#include "emulator/model.h"
#include "net/server.h"

namespace tidegate::emulator {

// Thread-safe; immutable but for its counters.
class LoadMock {
 public:
  // What the usage of each answer says: the prompt of the benchmark has 1.9 KB.
  static constexpr std::int64_t kPromptTokens = 475;

  // REQUIRES: model.load_mock. Errors: kInvalidArgument when the answer cannot be so small.
  static Result<std::unique_ptr<LoadMock>> Make(const Model& model);

  // Whether `body` is for this model.
  bool Matches(std::string_view body) const;
  net::Task<void> Serve(net::Exchange& exchange, std::string_view body);

  // Adds what was served since the last call, or forgets it.
  void MoveToBill(Journal& journal);
  void Forget() { whole_ = streams_ = cancelled_ = 0; }

 private:
  LoadMock() = default;
  Result<void> RenderWhole(const Model& model, std::string_view label);
  void RenderStream(const Model& model, std::string_view label);
  net::Task<void> Stream(net::Exchange& exchange, bool usage);

  std::string name_;
  Model prices_;
  std::string answer_;
  std::vector<std::string> frames_;         // with text; the first with the role before it
  std::string tail_, tail_with_usage_;      // finish, usage, [DONE]
  std::string stream_, stream_with_usage_;  // all in one
  std::int64_t frame_interval_nanos_ = 0;
  std::int64_t answer_tokens_ = 0, stream_tokens_ = 0;
  std::atomic<std::int64_t> whole_ = 0, streams_ = 0, cancelled_ = 0;
};

}  // namespace tidegate::emulator
