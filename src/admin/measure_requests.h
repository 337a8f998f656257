// The bodies of /tidegate/models/bench and /tidegate/models/tune, read. Errors: kInvalidArgument
// with the path of the member at fault; a member that nobody knows is one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/bench_run.h"
#include "engine/tune.h"

namespace tidegate::admin {

inline constexpr std::size_t kMeasureBodyBytesMax = 64U << 10U;

struct BenchRequest {
  std::string model;
  engine::BenchWishes wishes;
};
Result<BenchRequest> ReadBench(std::string_view body);

struct TuneRequest {
  std::string model;
  bool reset = false;  // forget what was kept, and measure nothing
  engine::TuneWishes wishes;
};
Result<TuneRequest> ReadTune(std::string_view body);

}  // namespace tidegate::admin
