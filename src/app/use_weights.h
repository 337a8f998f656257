// How much each local model was used of late, kept over restarts: what is used is loaded again
// before anybody asks (engine.preload_mib), and is the last to make room for others.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/result.h"

namespace tidegate::app {

// Uses by model, see engine::ModelStatus::use_weight.
using UseWeights = std::map<std::string, double>;

inline constexpr std::size_t kUseWeightsMax = 4'096;
inline constexpr std::int64_t kUseWeightsPauseMs = 60'000;  // between two looks

// One line for each model; those that count for next to nothing are left out.
std::string WriteUseWeights(const UseWeights& weights, std::int64_t wall_nanos);
// As they are now: time that has passed since makes them lighter. Errors: kInvalidArgument for a
// text that is none of WriteUseWeights'.
Result<UseWeights> ReadUseWeights(std::string_view text, std::int64_t wall_nanos);

// A file of these. Its thread writes it now and then, if models were used, and at the end.
class UseWeightsFile {
 public:
  // What the file says; empty without one. One that cannot be read is told to the log: whoever
  // knows nothing of the past learns it anew.
  static UseWeights Load(const std::string& path, const Clock& clock);

  // `now` is called on the thread.
  UseWeightsFile(std::string path, const Clock& clock, std::function<UseWeights()> now);
  ~UseWeightsFile();
  UseWeightsFile(const UseWeightsFile&) = delete;
  UseWeightsFile& operator=(const UseWeightsFile&) = delete;

 private:
  void Run(const std::stop_token& stop);
  void Save();

  const std::string path_;
  const Clock& clock_;
  const std::function<UseWeights()> now_;
  double seen_ = 0;  // the sum when it was looked at last, and when that was
  std::int64_t seen_wall_nanos_ = 0;
  std::jthread thread_;
};

}  // namespace tidegate::app
