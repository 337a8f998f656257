// Estimates and the score.
//
// Time. TTFT is the median of real requests; before there are any, what the model's profile says of
// a prompt so long; without a profile the prior, plus reading the prompt at kPrefillRatio times the
// speed of writing. To it come loading the weights and the requests that wait before this one: of
// both what the engine expects, where it does. The total adds the expected tokens over the speed,
// which in a profile is that beside the requests that are being answered now.
//
// Quality. A deployment's prior q is its chance of a right answer at difficulty 0.5. At difficulty
// d the odds against it grow by e^(4 (d - 0.5)):  p = 1 / (1 + (1-q)/q × e^(4 (d - 0.5))).
//
// Score, lower is better, in units of "one cent":
//
//   cost      USD / 0.01
//   latency   seconds of the total / 10, plus seconds to the first token / 5
//   shortfall how far p stays below the adequate chance (0.75; with prefer = quality 1)
//   distance  0 device, 0.05 edge, 0.15 attested, 0.3 cloud: what leaves the machine needs a reason
//   targets   ttft_ms and tps where stated: how many times over the aim, at most 2 each
//
//   score = w_cost × cost + w_latency × latency + w_shortfall × shortfall + w_distance × distance +
//   targets
//
// An adequate model on the device therefore wins an easy request (no shortfall anywhere, and it is
// nearest and free); on a hard one its shortfall outweighs the cents of a stronger model. The
// weights by `prefer` are the table below. For `energy` no deployment states joules yet: price is
// the nearest thing to energy that every one states, so it is weighed as cost is, with time (which
// on the device is energy) counting double.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "plan/query.h"
#include "plan/window.h"

namespace tidegate::plan {
namespace {

constexpr std::int64_t kMedianSamplesMin = 3;       // measurements before they replace the priors
constexpr std::int64_t kPercentileSamplesMin = 20;  // before their slow ends are believed
// Prompt tokens read in the time one is written, by place: a processor reads about twelve, a data
// centre a hundred.
constexpr std::array<double, core::kPlaces> kPrefillRatio = {12, 40, 100, 100};
constexpr double kAdequateChance = 0.75;
constexpr double kTargetPenaltyMax = 2;
// A limit is only written when it leaves room for the expected answer this many times over.
constexpr std::int64_t kAffordableEstimates = 2;
constexpr std::int64_t kAffordableTokensMin = 64;
// Written where neither the caller nor the catalogue bounds the answer.
constexpr std::int64_t kUnknownOutputTokensMax = 32'768;

struct Weights {
  double cost, latency, shortfall, distance;
};
// In the order of core::Prefer: balanced, cost, latency, quality, energy.
constexpr std::array<Weights, 5> kWeights = {{
    {1.0, 0.5, 8.0, 1.0},
    {8.0, 0.1, 4.0, 0.5},
    {0.1, 4.0, 4.0, 0.2},
    {0.1, 0.1, 40.0, 0.1},
    {8.0, 0.2, 4.0, 1.0},
}};
constexpr std::array<double, core::kPlaces> kDistance = {0, 0.05, 0.15, 0.3};

// Where no real request has shown it.
double ExpectedSpeed(const Query& query, const core::Deployment& deployment,
                     const core::LiveState& live) {
  if (!deployment.speed) return deployment.tokens_per_s_prior;
  return deployment.speed->TokensPerSecond(query.input.profile.input_tokens_estimate,
                                           live.users + 1);
}

double ExpectedTtft(const core::Deployment& deployment, std::int64_t tokens, double speed) {
  if (deployment.speed) return deployment.speed->TtftMs(tokens);
  const double prefill = kPrefillRatio[static_cast<std::size_t>(deployment.place)];
  return static_cast<double>(deployment.ttft_ms_prior) +
         1000 * static_cast<double>(tokens) / (prefill * speed);
}

// What requests of late took, for a prompt of another length. On this device reading it is most of
// the wait: more of it takes as much longer as is expected of so many tokens, and less its share.
double MeasuredTtft(const core::Deployment& deployment, const core::LiveState& live,
                    std::int64_t tokens, double speed, double measured) {
  if (deployment.place != core::Place::kDevice || live.prompt_tokens_p50 <= 0) return measured;
  const double here = ExpectedTtft(deployment, tokens, speed);
  const double usual =
      ExpectedTtft(deployment, static_cast<std::int64_t>(live.prompt_tokens_p50), speed);
  return here > usual ? measured + here - usual : measured * here / std::max(usual, 1e-3);
}

double Speed(double measured, bool believed, double expected) {
  return std::max(believed && measured > 0 ? measured : expected, 0.1);
}

std::int64_t Millis(double ms) {
  constexpr double kMillisMax = 1e12;
  return static_cast<std::int64_t>(std::min(ms, kMillisMax));
}

// Until it could be sent. This device's engine says, by what it has observed; elsewhere what waits
// there runs one after the other. A model that has to be loaded again for its window waits for that
// too.
double Before(const Query& query, const core::Deployment& deployment, const core::LiveState& live,
              double request_ms) {
  const auto load_ms = static_cast<double>(live.load_ms);
  const bool loads_again =
      live.loaded && live.context_tokens > 0 &&
      WindowNeeded(deployment, query.input.profile, query.input.constraints) > live.context_tokens;
  if (live.expected_wait_ms > 0) {
    return static_cast<double>(live.expected_wait_ms) + (loads_again ? load_ms : 0);
  }
  return (live.loaded && !loads_again ? 0 : load_ms) +
         static_cast<double>(live.queue_depth) * request_ms;
}

void EstimateTime(const Query& query, const core::Deployment& deployment,
                  const core::LiveState& live, Estimate& estimate) {
  const profile::Profile& profile = query.input.profile;
  const double tokens = static_cast<double>(profile.output_tokens_estimate);
  const bool measured = live.samples >= kMedianSamplesMin;
  const double expected = ExpectedSpeed(query, deployment, live);
  const double speed = Speed(live.tokens_per_s_p50, measured, expected);
  const std::int64_t prompt = profile.input_tokens_estimate;
  const double ttft = measured && live.ttft_ms_p50 > 0
                          ? MeasuredTtft(deployment, live, prompt, speed, live.ttft_ms_p50)
                          : ExpectedTtft(deployment, prompt, speed);
  const double writing = 1000 * tokens / speed;
  const double before = Before(query, deployment, live, ttft + writing);
  estimate.ttft_ms = Millis(ttft + before);
  estimate.total_ms = Millis(ttft + before + writing);
  estimate.total_ms_slow = estimate.total_ms;
  if (live.samples >= kPercentileSamplesMin) {
    const double slow = 1000 * tokens / Speed(live.tokens_per_s_p05, true, expected);
    estimate.total_ms_slow =
        Millis(std::max(MeasuredTtft(deployment, live, prompt, speed, live.ttft_ms_p95), ttft) +
               before + std::max(slow, writing));
  }
}

// Saturating: both factors may come from the caller.
std::int64_t Times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  const bool overflow = __builtin_mul_overflow(a, b, &product);
  return overflow ? std::numeric_limits<std::int64_t>::max() : product;
}

// The bound: every token of the input at the dearest input price, and the most tokens that can come
// back. Where nobody limits the answer and the bound is beyond what may be spent, the answer is
// limited to what is affordable, provided that leaves room for it.
void EstimateCost(const Query& query, const core::Deployment& deployment,
                  const core::Prices& prices, Estimate& estimate) {
  const profile::Profile& profile = query.input.profile;
  const Price input_price = std::max(prices.input, prices.cached_write);
  const std::int64_t window = deployment.window_max();
  const std::int64_t input_max =
      window > 0 ? std::min(profile.input_tokens_max, Times(profile.prompts, window))
                 : profile.input_tokens_max;
  const Money requests{Times(profile.requests_max, prices.per_request.nanodollars)};
  estimate.cost = Cost(profile.input_tokens_estimate, prices.input) +
                  Cost(Times(profile.choices, profile.output_tokens_estimate), prices.output) +
                  requests;

  const Money fixed = Cost(input_max, input_price) + requests;
  if (!profile.writes) {
    estimate.worst_cost = fixed;
    return;
  }
  const auto worst = [&](std::int64_t tokens) {
    return fixed + Cost(Times(profile.choices, tokens), prices.output);
  };
  if (profile.output_tokens_limit > 0) {
    estimate.worst_cost = worst(profile.output_tokens_limit);
    return;
  }
  std::int64_t tokens = deployment.output_tokens_max > 0 ? deployment.output_tokens_max : window;
  if (tokens == 0) {
    tokens = kUnknownOutputTokensMax;
    if (prices.output.nanodollars_per_mtok > 0) estimate.output_tokens_limit = tokens;
  }
  estimate.worst_cost = worst(tokens);
  const Money spare = query.spendable - fixed;
  const bool free_answer = prices.output.nanodollars_per_mtok == 0;
  if (estimate.worst_cost <= query.spendable || free_answer || spare.nanodollars <= 0) return;
  __extension__ using Wide = __int128;
  const std::int64_t affordable = static_cast<std::int64_t>(
      static_cast<Wide>(spare.nanodollars) * 1'000'000 /
      (static_cast<Wide>(prices.output.nanodollars_per_mtok) * profile.choices));
  const std::int64_t needed = std::min(
      tokens,
      std::max(kAffordableTokensMin, kAffordableEstimates * profile.output_tokens_estimate));
  if (affordable < needed) return;
  estimate.output_tokens_limit = affordable;
  estimate.worst_cost = worst(affordable);
}

// What surely fits is tried before what may turn out not to.
constexpr double kWindowDoubtPenalty = 10;

double Excess(double value, double aim) {
  return std::clamp(value / aim - 1, 0.0, kTargetPenaltyMax);
}

}  // namespace

Estimate MakeEstimate(const Query& query, const core::Deployment& deployment,
                      const core::LiveState& live) {
  Estimate estimate;
  EstimateTime(query, deployment, live, estimate);
  if (deployment.prices) EstimateCost(query, deployment, *deployment.prices, estimate);
  const double q = std::clamp(deployment.quality, 0.01, 0.99);
  estimate.quality = 1 / (1 + (1 - q) / q * query.odds_factor);
  return estimate;
}

double Score(const Query& query, const core::Deployment& deployment, const Estimate& estimate) {
  const Weights& weights = kWeights[static_cast<std::size_t>(query.prefer)];
  const double cents = static_cast<double>(estimate.cost.nanodollars) / 1e7;
  const double latency = static_cast<double>(estimate.total_ms) / 10'000 +
                         static_cast<double>(estimate.ttft_ms) / 5'000;
  const double adequate = query.prefer == core::Prefer::kQuality ? 1.0 : kAdequateChance;
  double score = weights.cost * cents + weights.latency * latency +
                 weights.shortfall * std::max(0.0, adequate - estimate.quality) +
                 weights.distance * kDistance[static_cast<std::size_t>(deployment.place)];
  if (WindowInDoubt(deployment, query.input.profile)) score += kWindowDoubtPenalty;
  const core::Constraints& constraints = query.input.constraints;
  if (constraints.ttft_ms) {
    score +=
        Excess(static_cast<double>(estimate.ttft_ms), static_cast<double>(*constraints.ttft_ms));
  }
  if (constraints.tokens_per_s && estimate.total_ms > estimate.ttft_ms) {
    const double speed = 1000.0 * static_cast<double>(query.input.profile.output_tokens_estimate) /
                         static_cast<double>(estimate.total_ms - estimate.ttft_ms);
    score += Excess(*constraints.tokens_per_s, std::max(speed, 0.1));
  }
  return score;
}

}  // namespace tidegate::plan
