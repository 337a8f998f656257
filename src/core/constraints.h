// What a caller asks of a request beyond its content, after parsing and before or after merging
// (DESIGN §8).
//
// Every field is optional: an absent field constrains nothing. policy::Merge combines the
// constraints of the request, its headers, its key and its policy, strictest first; nothing here is
// ever loosened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "core/capability.h"
#include "core/place.h"

namespace tidegate::core {

enum class Fallback : std::uint8_t { kNone, kSameModel, kAny };  // kNone is the strictest
enum class OnOverBudget : std::uint8_t { kDegrade, kRefuse };    // kRefuse is the strictest
enum class Prefer : std::uint8_t { kBalanced, kCost, kLatency, kQuality, kEnergy };
enum class Strategy : std::uint8_t { kAuto, kSingle, kCascade, kHedge, kRace, kSplit };
enum class CacheMode : std::uint8_t { kOff, kExact, kSemantic };
enum class Retention : std::uint8_t { kAny, kZeroDataRetention };
// Who goes first where requests wait for one model of this device; kBackground is the strictest.
enum class Priority : std::uint8_t { kInteractive, kNormal, kBackground };

struct Constraints {
  // Hard: they filter.
  std::optional<PlaceSet> place;
  std::optional<Privacy> privacy;
  std::optional<Retention> retention;
  std::optional<std::vector<std::string>>
      region;                     // allowed jurisdictions, lower case, as "eu", "us", "de"
  std::optional<Money> max_cost;  // for this request
  std::optional<std::int64_t> deadline_ms;  // from arrival to the last byte
  CapabilitySet require;
  std::int64_t require_context_tokens = 0;
  std::optional<std::vector<std::string>> providers_only;
  std::vector<std::string> providers_ignore;
  std::optional<Fallback> fallback;
  std::optional<OnOverBudget> on_over_budget;
  std::optional<Priority> priority;
  // Soft: they score.
  std::vector<std::string> providers_order;
  std::optional<Prefer> prefer;
  std::optional<double> min_quality;  // 0 … 1
  std::optional<std::int64_t> ttft_ms;
  std::optional<double> tokens_per_s;
  // How.
  std::optional<Strategy> strategy;
  std::optional<CacheMode> cache;
  std::optional<std::int64_t> cache_max_age_s;
  // How long the model stays loaded when it is idle; negative = until something else needs its
  // room. Means something on this device only.
  std::optional<std::int64_t> keep_alive_nanos;
  std::string session, run, idempotency_key;
  std::vector<std::string> tags;
  bool dry_run = false;
  bool explain = false;
};

}  // namespace tidegate::core
