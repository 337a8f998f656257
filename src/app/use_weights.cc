#include "app/use_weights.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "app/state_file.h"
#include "engine/use_weight.h"
#include "obs/log.h"

namespace tidegate::app {
namespace {

constexpr std::string_view kHead = "tidegate uses 1 ";
constexpr double kWeightMin = 0.01;  // less is as good as never
constexpr double kWeightMax = 1e9;
constexpr std::size_t kFileBytesMax = 2U << 20U;

Error Damaged(std::string message) { return InvalidArgument("use_weights", std::move(message)); }

std::string_view TakeLine(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  return line;
}

// All of `text`.
template <typename Number>
bool Parse(std::string_view text, Number& number) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  return end.ec == std::errc() && end.ptr == text.data() + text.size();
}

bool IsOneLine(std::string_view name) { return name.find('\n') == std::string_view::npos; }

// Of a weight, after so long. A clock that was set back makes nothing heavier.
double Left(std::int64_t nanos) {
  const auto passed = static_cast<double>(std::max<std::int64_t>(0, nanos));
  return std::exp2(-passed / static_cast<double>(engine::kUseHalfLifeNanos));
}

double Sum(const UseWeights& weights) {
  double sum = 0;
  for (const auto& [model, weight] : weights) sum += weight;
  return sum;
}

}  // namespace

std::string WriteUseWeights(const UseWeights& weights, std::int64_t wall_nanos) {
  std::string text = fmt::format("{}{}\n", kHead, wall_nanos);
  std::size_t count = 0;
  for (const auto& [model, weight] : weights) {
    if (weight < kWeightMin || !IsOneLine(model)) continue;
    if (++count > kUseWeightsMax) break;
    text += fmt::format("{} {}\n", weight, model);
  }
  return text;
}

Result<UseWeights> ReadUseWeights(std::string_view text, std::int64_t wall_nanos) {
  const std::string_view head = TakeLine(text);
  std::int64_t written = 0;
  if (!head.starts_with(kHead) || !Parse(head.substr(kHead.size()), written)) {
    return Damaged("the first line is none of ours");
  }
  const double left = Left(wall_nanos - written);
  UseWeights weights;
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    const std::size_t space = line.find(' ');
    double weight = 0;
    const bool whole = space != std::string_view::npos && space + 1 < line.size() &&
                       Parse(line.substr(0, space), weight);
    if (!whole || !(weight >= 0 && weight <= kWeightMax)) return Damaged("a line is none of ours");
    if (weights.size() >= kUseWeightsMax) return Damaged("there are too many lines");
    weights[std::string(line.substr(space + 1))] = weight * left;
  }
  return weights;
}

UseWeights UseWeightsFile::Load(const std::string& path, const Clock& clock) {
  const std::optional<std::string> text = ReadStateFile(path, kFileBytesMax);
  if (!text) return {};  // nothing was kept yet
  Result<UseWeights> weights = ReadUseWeights(*text, clock.WallNanos());
  if (weights.ok()) return *std::move(weights);
  obs::Log(obs::Level::kWarning, "which models were used before is not known: {}: {}", path,
           weights.error().message);
  return {};
}

UseWeightsFile::UseWeightsFile(std::string path, const Clock& clock,
                               std::function<UseWeights()> now)
    : path_(std::move(path)),
      clock_(clock),
      now_(std::move(now)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

UseWeightsFile::~UseWeightsFile() {
  thread_.request_stop();
  thread_.join();
  Save();
}

void UseWeightsFile::Run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any ends;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const bool ended = ends.wait_for(lock, stop, std::chrono::milliseconds(kUseWeightsPauseMs),
                                     [&stop] { return stop.stop_requested(); });
    if (!ended) Save();
  }
}

// Weights that only got lighter need no new file: reading it makes them lighter, too.
void UseWeightsFile::Save() {
  const UseWeights weights = now_();
  const std::int64_t wall_nanos = clock_.WallNanos();
  const double sum = Sum(weights);
  const double unused = seen_ * Left(wall_nanos - seen_wall_nanos_);
  seen_ = sum;
  seen_wall_nanos_ = wall_nanos;
  constexpr double kRounding = 1.0001;
  if (sum < kWeightMin || sum <= unused * kRounding) return;
  const Result<void> written = ReplaceFile(path_, WriteUseWeights(weights, wall_nanos));
  if (!written.ok()) {
    obs::Log(obs::Level::kWarning, "which models are used could not be kept: {}",
             Describe(written.error()));
  }
}

}  // namespace tidegate::app
