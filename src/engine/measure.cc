#include "engine/measure.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace tidegate::engine {
namespace {

constexpr double kNanosPerMs = 1e6;

}  // namespace

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double position = std::clamp(share, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], position - static_cast<double>(below));
}

double TtftMs(const AnswerTimes& times) {
  return static_cast<double>(times.first_token - times.sent) / kNanosPerMs;
}

double TokensPerSecond(double tokens, double ms) { return ms > 0 ? 1000 * tokens / ms : 0; }

double TotalTokensPerSecond(const Round& round) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = 0;
  std::int64_t tokens = 0;
  for (const AnswerTimes& answer : round.answers) {
    first = std::min(first, answer.first_token);
    last = std::max(last, answer.end);
    tokens += answer.output_tokens;
  }
  if (last <= first) return 0;
  return TokensPerSecond(static_cast<double>(tokens),
                         static_cast<double>(last - first) / kNanosPerMs);
}

core::SpeedPoint Summarise(std::span<const Round> rounds) {
  CHECK(!rounds.empty());
  core::SpeedPoint point;
  std::vector<double> ttft;
  std::vector<double> reading;
  std::vector<double> writing;
  std::vector<double> total;
  for (const Round& round : rounds) {
    CHECK(!round.answers.empty());
    for (const AnswerTimes& answer : round.answers) {
      ttft.push_back(TtftMs(answer));
      reading.push_back(
          TokensPerSecond(static_cast<double>(answer.prompt_tokens), answer.prompt_ms));
      writing.push_back(
          TokensPerSecond(static_cast<double>(answer.output_tokens), answer.output_ms));
      point.prompt_tokens = std::max(point.prompt_tokens, answer.prompt_tokens);
      // What was not read again makes the figures those of a shorter prompt.
      if (answer.cached_tokens > 0) point.disturbed = true;
    }
    total.push_back(TotalTokensPerSecond(round));
    point.at_once = std::max(point.at_once, static_cast<int>(round.answers.size()));
    point.requests += static_cast<std::int64_t>(round.answers.size());
    point.disturbed = point.disturbed || round.disturbed;
  }
  point.ttft_ms_p50 = Median(ttft);
  point.ttft_ms_p95 = Percentile(ttft, 0.95);
  point.prompt_tokens_per_s = Median(std::move(reading));
  point.tokens_per_s = Median(std::move(writing));
  point.tokens_per_s_total = Median(std::move(total));
  return point;
}

}  // namespace tidegate::engine
