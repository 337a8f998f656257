// Measures one model over lengths of prompts and requests at once, within a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/speed_profile.h"
#include "engine/measure.h"
#include "engine/speed_meter.h"
#include "net/async.h"
#include "net/cancel.h"
#include "net/shard.h"

namespace tidegate::engine {

inline constexpr std::size_t kBenchContextsMax = 16, kBenchLevelsMax = 8;
inline constexpr std::int64_t kBenchTokensMin = 8, kBenchTokensMax = 4'096;
inline constexpr std::int64_t kBenchSecondsMin = 5, kBenchSecondsMax = 86'400;

// What was asked for; what is empty is as usual.
struct BenchWishes {
  std::vector<std::int64_t> contexts;     // tokens of the prompts
  std::vector<std::int64_t> concurrency;  // requests at once
  std::optional<std::int64_t> output_tokens, seconds_max;
  bool quick = false;  // fewer and shorter, for a first look
};

// What the model can be asked for.
struct BenchRoom {
  std::int64_t window = 0;      // tokens of one request, prompt and answer, as it is loaded
  std::int64_t window_max = 0;  // the most that it can be loaded with
  // How many run at once in a window of so many tokens.
  std::function<int(std::int64_t window)> slots;
};

struct BenchPlan {
  std::vector<Cell> cells;  // the cheapest first
  std::int64_t output_tokens = 0;
  int rounds = 1;  // of each cell
  std::int64_t seconds_max = 0;
  std::int64_t window_tokens = 0;  // that every request needs; 0 = as it is loaded
};

// Usual lengths and numbers that do not fit what is loaded without being asked for are left out.
// Errors: kInvalidArgument, naming the field.
Result<BenchPlan> PlanBench(const BenchWishes& wishes, const BenchRoom& room);

struct BenchReport {
  std::vector<core::SpeedPoint> points;
  std::vector<Cell> left_out;  // that the time did not suffice for
  std::int64_t nanos = 0;      // that it took
};

using MeasureRound = std::function<net::Task<Result<Round>>(Cell, net::CancelToken&)>;
// One line for people.
using TellStep = std::function<void(std::string)>;

// Measures cell by cell. When the time is up, the cell that runs is cut. Errors: those of
// `measure`; kDeadlineExceeded when the time did not suffice for anything.
net::Task<Result<BenchReport>> RunBench(net::Shard& shard, BenchPlan plan, MeasureRound measure,
                                        TellStep tell, net::CancelToken& cancel);

// A token that is cancelled with another one, and by itself at a time.
class TimeLimit {
 public:
  TimeLimit(net::Shard& shard, net::CancelToken& outer, std::int64_t nanos);
  net::CancelToken& token() { return *token_; }
  std::int64_t NanosLeft() const;

 private:
  std::int64_t due_;
  std::shared_ptr<net::CancelToken> token_;
  net::asio::steady_timer timer_;
  net::CancelToken::Scope scope_;
};

}  // namespace tidegate::engine
