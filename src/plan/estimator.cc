// Three histograms for each deployment, made at its first measurement. Bucket i holds values around
// kLowest × kGrowth^i; a measurement adds kUnit to its bucket. After kDecaySamples measurements
// every bucket is halved, so at rest the counts of the last few hundred measurements weigh by age.
// Units larger than one keep a lone measurement for several halvings.
//
// The percentiles are worked out by the first snapshot behind a measurement and kept: under load
// there are hundreds of measurements to a snapshot, and at rest snapshots without a measurement.
#include "plan/estimator.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace tidegate::plan {
namespace {

constexpr std::size_t kBuckets = 128;
// 1.12^128 = 2 million: from 1 ms to half an hour, from 0.1 to 200 000 tokens a second.
constexpr double kGrowth = 1.12;
constexpr std::uint16_t kUnit = 64;
static_assert(2 * kDecaySamples * kUnit <= 0x7FFF,
              "a bucket has room for measurements that race with a decay");

class Histogram {
 public:
  explicit Histogram(double lowest) : lowest_(lowest) {}

  void Add(double value) {
    const double position = std::log(std::max(value, lowest_) / lowest_) / std::log(kGrowth) + 0.5;
    const std::size_t bucket = std::min(static_cast<std::size_t>(position), kBuckets - 1);
    buckets_[bucket].fetch_add(kUnit, std::memory_order_relaxed);
    if ((added_.fetch_add(1, std::memory_order_relaxed) + 1) % kDecaySamples == 0) Decay();
  }

  // Values at the given shares (ascending) of the measurements; returns how many measurements are
  // in the counts.
  template <std::size_t N>
  std::int64_t Percentiles(const std::array<double, N>& shares,
                           std::array<double, N>& values) const {
    std::array<std::uint32_t, kBuckets> counts;
    std::uint32_t total = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      counts[i] = buckets_[i].load(std::memory_order_relaxed);
      total += counts[i];
    }
    values.fill(0);
    if (total == 0) return 0;
    std::uint32_t below = 0;
    std::size_t next = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      below += counts[i];
      while (next < N && static_cast<double>(below) >= shares[next] * static_cast<double>(total)) {
        values[next++] = lowest_ * std::pow(kGrowth, static_cast<double>(i));
      }
    }
    return std::max<std::int64_t>(1, (total + kUnit / 2) / kUnit);
  }

 private:
  void Decay() {
    if (decaying_.test_and_set(std::memory_order_acquire)) return;
    for (std::atomic<std::uint16_t>& bucket : buckets_) {
      const unsigned half = (bucket.load(std::memory_order_relaxed) + 1U) / 2;
      bucket.fetch_sub(static_cast<std::uint16_t>(half), std::memory_order_relaxed);
    }
    decaying_.clear(std::memory_order_release);
  }

  const double lowest_;
  std::array<std::atomic<std::uint16_t>, kBuckets> buckets_{};
  std::atomic<std::uint32_t> added_{0};
  std::atomic_flag decaying_;
};

constexpr double kTtftLowestMs = 1;
constexpr double kSpeedLowest = 0.1;
constexpr double kPromptLowest = 1;

struct Histograms {
  Histogram ttft_ms{kTtftLowestMs};
  Histogram prompt_tokens{kPromptLowest};
  Histogram tokens_per_s{kSpeedLowest};
  std::atomic<std::int64_t> samples{0};
  std::atomic<double> ttft_ms_p50{0}, ttft_ms_p95{0}, prompt_tokens_p50{0};
  std::atomic<double> tokens_per_s_p05{0}, tokens_per_s_p50{0};

  std::atomic<bool> stale{false};

  void AddTtft(double ms, double prompt) {
    ttft_ms.Add(ms);
    if (prompt > 0) prompt_tokens.Add(prompt);
    stale.store(true, std::memory_order_release);
  }
  void AddSpeed(double speed) {
    tokens_per_s.Add(speed);
    stale.store(true, std::memory_order_release);
  }
  // A measurement that comes meanwhile sets the mark again, for the next snapshot.
  void Refresh() {
    if (!stale.load(std::memory_order_relaxed)) return;
    if (!stale.exchange(false, std::memory_order_acquire)) return;
    std::array<double, 2> values;
    samples.store(ttft_ms.Percentiles(std::array{0.5, 0.95}, values), std::memory_order_relaxed);
    ttft_ms_p50.store(values[0], std::memory_order_relaxed);
    ttft_ms_p95.store(values[1], std::memory_order_relaxed);
    std::array<double, 1> prompt;
    prompt_tokens.Percentiles(std::array{0.5}, prompt);
    prompt_tokens_p50.store(prompt[0], std::memory_order_relaxed);
    tokens_per_s.Percentiles(std::array{0.05, 0.5}, values);
    tokens_per_s_p05.store(values[0], std::memory_order_relaxed);
    tokens_per_s_p50.store(values[1], std::memory_order_relaxed);
  }
};

}  // namespace

struct Estimator::Statistics {
  std::atomic<Histograms*> histograms{nullptr};

  ~Statistics() { delete histograms.load(); }

  Histograms& GetOrMake() {
    Histograms* found = histograms.load(std::memory_order_acquire);
    if (found != nullptr) return *found;
    auto made = std::make_unique<Histograms>();
    if (histograms.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel))
      return *made.release();
    return *found;  // another thread was first
  }
};

Estimator::Estimator(std::size_t deployments) : statistics_(deployments) {
  for (std::shared_ptr<Statistics>& made : statistics_) made = std::make_shared<Statistics>();
}
Estimator::~Estimator() = default;

void Estimator::Observe(std::size_t deployment, const Answer& answer) {
  CHECK(deployment < size());
  if (!answer.ok) return;
  Histograms& histograms = statistics_[deployment]->GetOrMake();
  if (answer.ttft_us > 0) {
    histograms.AddTtft(static_cast<double>(answer.ttft_us) / 1000,
                       static_cast<double>(answer.prompt_tokens));
  }
  if (answer.output_tokens >= kSpeedTokensMin && answer.generation_us > 0) {
    histograms.AddSpeed(1e6 * static_cast<double>(answer.output_tokens) /
                        static_cast<double>(answer.generation_us));
  }
}

void Estimator::Snapshot(std::size_t deployment, core::LiveState& out) const {
  CHECK(deployment < size());
  out.samples = 0;
  out.ttft_ms_p50 = out.ttft_ms_p95 = out.prompt_tokens_p50 = 0;
  out.tokens_per_s_p50 = out.tokens_per_s_p05 = 0;
  Histograms* histograms = statistics_[deployment]->histograms.load(std::memory_order_acquire);
  if (histograms == nullptr) return;
  histograms->Refresh();
  out.samples = histograms->samples.load(std::memory_order_relaxed);
  out.ttft_ms_p50 = histograms->ttft_ms_p50.load(std::memory_order_relaxed);
  out.ttft_ms_p95 = histograms->ttft_ms_p95.load(std::memory_order_relaxed);
  out.prompt_tokens_p50 = histograms->prompt_tokens_p50.load(std::memory_order_relaxed);
  out.tokens_per_s_p05 = histograms->tokens_per_s_p05.load(std::memory_order_relaxed);
  out.tokens_per_s_p50 = histograms->tokens_per_s_p50.load(std::memory_order_relaxed);
}

void Estimator::Share(std::size_t deployment, const Estimator& other, std::size_t theirs) {
  CHECK(deployment < size() && theirs < other.size());
  statistics_[deployment] = other.statistics_[theirs];
}

}  // namespace tidegate::plan
