#include "engine/bench_run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "net/deadline.h"

namespace tidegate::engine {
namespace {

struct Usual {
  std::vector<std::int64_t> contexts, concurrency;
  std::int64_t output_tokens, seconds_max;
  int rounds;
};

Usual UsualOf(bool quick) {
  if (quick) return {{128, 512}, {1, 2}, 16, 60, 2};
  return {{128, 1'024, 4'096}, {1, 2, 4}, 64, 600, 3};
}

Result<std::vector<std::int64_t>> Check(std::vector<std::int64_t> values, const std::string& field,
                                        std::size_t count_max, std::int64_t max,
                                        const std::string& why) {
  if (values.size() > count_max) {
    return InvalidArgument(field, "has more than " + std::to_string(count_max) + " entries");
  }
  for (const std::int64_t value : values) {
    if (value >= 1 && value <= max) continue;
    return InvalidArgument(field, fmt::format("{} is not between 1 and {}: {}", value, max, why));
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

Result<std::int64_t> CheckOne(std::optional<std::int64_t> wish, std::int64_t usual,
                              const std::string& field, std::int64_t low, std::int64_t high) {
  const std::int64_t value = wish.value_or(usual);
  if (value >= low && value <= high) return value;
  return InvalidArgument(field, fmt::format("must be between {} and {}", low, high));
}

// Those up to `max`; when it is smaller than all of them, itself.
std::vector<std::int64_t> Fitting(std::vector<std::int64_t> values, std::int64_t max) {
  std::erase_if(values, [max](std::int64_t value) { return value > max; });
  if (values.empty()) values.push_back(max);
  return values;
}

}  // namespace

Result<BenchPlan> PlanBench(const BenchWishes& wishes, const BenchRoom& room) {
  const Usual usual = UsualOf(wishes.quick);
  BenchPlan plan;
  plan.rounds = usual.rounds;
  TIDEGATE_ASSIGN(plan.output_tokens, CheckOne(wishes.output_tokens, usual.output_tokens, "tokens",
                                               kBenchTokensMin, kBenchTokensMax));
  TIDEGATE_ASSIGN(plan.seconds_max, CheckOne(wishes.seconds_max, usual.seconds_max, "seconds_max",
                                             kBenchSecondsMin, kBenchSecondsMax));
  const std::int64_t most = std::max(room.window, room.window_max);
  const std::int64_t longest = most - plan.output_tokens;
  if (longest < 1) {
    return InvalidArgument("tokens", fmt::format("the model's window has {} tokens", most));
  }
  TIDEGATE_ASSIGN(std::vector<std::int64_t> contexts,
                  Check(wishes.contexts, "contexts", kBenchContextsMax, longest,
                        fmt::format("the model's window has {} tokens at most, {} of them for the "
                                    "answer",
                                    most, plan.output_tokens)));
  if (contexts.empty()) {
    const std::int64_t usual_longest = room.window - plan.output_tokens;
    contexts = Fitting(usual.contexts, usual_longest < 1 ? longest : usual_longest);
  }
  const std::int64_t window = contexts.back() + plan.output_tokens;
  if (window > room.window) plan.window_tokens = window;
  const int slots = room.slots(std::max(window, room.window));
  TIDEGATE_ASSIGN(
      std::vector<std::int64_t> levels,
      Check(wishes.concurrency, "concurrency", kBenchLevelsMax, slots,
            fmt::format("more would only wait, with a window of {} tokens for each; engine.slots "
                        "says how many run at once",
                        std::max(window, room.window))));
  if (levels.empty()) levels = Fitting(usual.concurrency, slots);
  for (const std::int64_t tokens : contexts) {
    for (const std::int64_t at_once : levels) {
      plan.cells.push_back({tokens, static_cast<int>(at_once)});
    }
  }
  return plan;
}

TimeLimit::TimeLimit(net::Shard& shard, net::CancelToken& outer, std::int64_t nanos)
    : due_(net::MonotonicNow() + nanos),
      token_(std::make_shared<net::CancelToken>()),
      timer_(shard.io(), std::chrono::nanoseconds(nanos)),
      scope_(outer, [token = token_, &outer] { token->Cancel(outer.why()); }) {
  timer_.async_wait([token = token_](net::error_code ec) {
    if (!ec) token->Cancel(ErrorCode::kDeadlineExceeded);
  });
}

std::int64_t TimeLimit::NanosLeft() const {
  return std::max<std::int64_t>(0, due_ - net::MonotonicNow());
}

net::Task<Result<BenchReport>> RunBench(net::Shard& shard, BenchPlan plan, MeasureRound measure,
                                        TellStep tell, net::CancelToken& cancel) {
  const std::int64_t began = net::MonotonicNow();
  TimeLimit limit(shard, cancel, plan.seconds_max * kNanosPerSecond);
  BenchReport report;
  for (std::size_t i = 0; i < plan.cells.size(); ++i) {
    const Cell cell = plan.cells[i];
    tell(fmt::format("{} tokens, {} at once ({} of {})", cell.prompt_tokens, cell.at_once, i + 1,
                     plan.cells.size()));
    std::vector<Round> rounds;
    while (rounds.size() < static_cast<std::size_t>(plan.rounds)) {
      if (limit.token().cancelled()) break;
      Result<Round> round = co_await measure(cell, limit.token());
      if (cancel.cancelled()) co_return cancel.MakeError();
      if (limit.token().cancelled()) break;
      if (!round.ok()) co_return std::move(round).error();
      rounds.push_back(*std::move(round));
    }
    if (rounds.empty()) {
      report.left_out.push_back(cell);
    } else {
      report.points.push_back(Summarise(rounds));
    }
  }
  if (cancel.cancelled()) co_return cancel.MakeError();
  if (report.points.empty()) {
    co_return Error{
        ErrorCode::kDeadlineExceeded, ErrorSource::kGateway, Retry::kNever,
        fmt::format("nothing could be measured in {} s; allow more time", plan.seconds_max)};
  }
  report.nanos = net::MonotonicNow() - began;
  co_return report;
}

}  // namespace tidegate::engine
