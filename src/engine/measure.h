// What is made of the times that were taken while a model answered: pure arithmetic.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/speed_profile.h"

namespace tidegate::engine {

// One answer. Times are monotonic, in nanoseconds; tokens and their times are the engine's own.
struct AnswerTimes {
  std::int64_t sent = 0, first_token = 0, end = 0;
  std::int64_t prompt_tokens = 0, output_tokens = 0;
  std::int64_t cached_tokens = 0;  // of the prompt, that it had read before
  double prompt_ms = 0, output_ms = 0;
};

// Answers that were given at the same time.
struct Round {
  std::vector<AnswerTimes> answers;
  bool disturbed = false;  // others used the model, or not all of these ran at once
};

// The value below which `share` (0 … 1) of them lie, between two of them on a straight line; 0 of
// none.
double Percentile(std::vector<double> values, double share);
inline double Median(std::vector<double> values) { return Percentile(std::move(values), 0.5); }

double TtftMs(const AnswerTimes& times);
// Tokens over the time that they took; 0 when it took none.
double TokensPerSecond(double tokens, double ms);
// All tokens that were written over the time from the first to the last of them.
double TotalTokensPerSecond(const Round& round);

// REQUIRES: every round has an answer, and there is one.
core::SpeedPoint Summarise(std::span<const Round> rounds);

}  // namespace tidegate::engine
