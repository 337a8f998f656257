#include "core/speed_profile.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"

namespace tidegate::core {
namespace {

double Share(const Knot& from, const Knot& to, double x) {
  return std::clamp((x - from.x) / (to.x - from.x), 0.0, 1.0);
}

double Speed(std::span<const Knot> speeds, double at_once) {
  const Knot& last = speeds.back();
  if (at_once > last.x) return last.y * last.x / at_once;
  return Between(speeds, at_once);
}

}  // namespace

double Between(std::span<const Knot> knots, double x) {
  CHECK(!knots.empty());
  const auto above =
      std::find_if(knots.begin(), knots.end(), [x](const Knot& k) { return k.x >= x; });
  if (above == knots.end()) return knots.back().y;
  if (above == knots.begin()) return above->y;
  const Knot& below = *(above - 1);
  return below.y + (above->y - below.y) * Share(below, *above, x);
}

SpeedProfile::SpeedProfile(std::vector<SpeedPoint> points, std::int64_t measured_s,
                           std::string settings)
    : points_(std::move(points)), measured_s_(measured_s), settings_(std::move(settings)) {
  CHECK(!points_.empty());
  const auto place = [](const SpeedPoint& p) { return std::tuple(p.prompt_tokens, p.at_once); };
  std::sort(points_.begin(), points_.end(),
            [&](const SpeedPoint& a, const SpeedPoint& b) { return place(a) < place(b); });
  points_.erase(
      std::unique(points_.begin(), points_.end(),
                  [&](const SpeedPoint& a, const SpeedPoint& b) { return place(a) == place(b); }),
      points_.end());
  for (const SpeedPoint& point : points_) {
    const auto tokens = static_cast<double>(point.prompt_tokens);
    if (writing_.empty() || writing_.back().prompt_tokens != tokens) {
      writing_.push_back({tokens, {}});
      // The fewest requests at once: the nearest to being alone.
      reading_.push_back({tokens, point.ttft_ms_p50});
    }
    writing_.back().speeds.push_back({static_cast<double>(point.at_once), point.tokens_per_s});
  }
}

double SpeedProfile::TtftMs(std::int64_t prompt_tokens) const {
  const auto x = static_cast<double>(prompt_tokens);
  if (reading_.size() == 1) {
    const Knot& only = reading_.front();
    return only.x > 0 ? only.y * x / only.x : only.y;
  }
  const bool beyond = x > reading_.back().x;
  if (!beyond && x >= reading_.front().x) return Between(reading_, x);
  const Knot& from = beyond ? reading_[reading_.size() - 2] : reading_[0];
  const Knot& to = beyond ? reading_.back() : reading_[1];
  const Knot& nearest = beyond ? to : from;
  const double slope = std::max(0.0, (to.y - from.y) / (to.x - from.x));
  // The longer the prompt, the dearer each of its tokens: a short one takes no less than its share.
  const double share = beyond ? 0 : nearest.y * x / nearest.x;
  return std::max(share, nearest.y + slope * (x - nearest.x));
}

double SpeedProfile::TokensPerSecond(std::int64_t prompt_tokens, std::int64_t at_once) const {
  const auto x = static_cast<double>(prompt_tokens);
  const auto requests = static_cast<double>(std::max<std::int64_t>(at_once, 1));
  const auto above = std::find_if(writing_.begin(), writing_.end(),
                                  [x](const Writing& w) { return w.prompt_tokens >= x; });
  if (above == writing_.end()) return Speed(writing_.back().speeds, requests);
  if (above == writing_.begin()) return Speed(above->speeds, requests);
  const Writing& below = *(above - 1);
  const Knot ends[] = {{below.prompt_tokens, Speed(below.speeds, requests)},
                       {above->prompt_tokens, Speed(above->speeds, requests)}};
  return Between(ends, x);
}

}  // namespace tidegate::core
