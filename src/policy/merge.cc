#include "policy/merge.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/check.h"
#include "policy/region.h"

namespace tidegate::policy {
namespace {

using core::Constraints;

// Folds one source after another into the result and notes which of them stated each field.
class Fold {
 public:
  explicit Fold(Effective& out) : out_(out) {}

  void Add(const Constraints& next, std::uint8_t source) {
    source_ = source;
    AddStrictest(next);
    AddMostSpecific(next);
  }

 private:
  void Note(FieldId id) {
    std::uint8_t& sources = out_.stated_by[static_cast<std::size_t>(id)];
    sources = static_cast<std::uint8_t>(sources | (1U << source_));
  }

  // `combine(mine, theirs)` is the stricter of two statements.
  template <typename T, typename Combine>
  void Strictest(FieldId id, std::optional<T>& mine, const std::optional<T>& theirs,
                 Combine combine) {
    if (!theirs) return;
    mine = mine ? combine(*mine, *theirs) : *theirs;
    Note(id);
  }
  template <typename T>
  void Least(FieldId id, std::optional<T>& mine, const std::optional<T>& theirs) {
    Strictest(id, mine, theirs, [](const T& a, const T& b) { return std::min(a, b); });
  }
  template <typename T>
  void Greatest(FieldId id, std::optional<T>& mine, const std::optional<T>& theirs) {
    Strictest(id, mine, theirs, [](const T& a, const T& b) { return std::max(a, b); });
  }
  void Unite(FieldId id, std::vector<std::string>& mine, const std::vector<std::string>& theirs) {
    if (theirs.empty()) return;
    mine.insert(mine.end(), theirs.begin(), theirs.end());
    SortUnique(mine);
    Note(id);
  }
  void Either(FieldId id, bool& mine, bool theirs) {
    if (!theirs) return;
    mine = true;
    Note(id);
  }
  template <typename T>
  void First(FieldId id, std::optional<T>& mine, const std::optional<T>& theirs) {
    if (mine || !theirs) return;
    mine = theirs;
    Note(id);
  }
  template <typename List>  // a string or a vector
  void FirstFilled(FieldId id, List& mine, const List& theirs) {
    if (!mine.empty() || theirs.empty()) return;
    mine = theirs;
    Note(id);
  }

  static void SortUnique(std::vector<std::string>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  static std::vector<std::string> Intersect(std::vector<std::string> a,
                                            const std::vector<std::string>& b) {
    std::erase_if(
        a, [&](const std::string& x) { return std::find(b.begin(), b.end(), x) == b.end(); });
    SortUnique(a);
    return a;
  }

  void AddStrictest(const Constraints& next) {
    Constraints& mine = out_.constraints;
    Strictest(FieldId::kPlace, mine.place, next.place,
              [](core::PlaceSet a, core::PlaceSet b) { return a.Intersect(b); });
    Greatest(FieldId::kPrivacy, mine.privacy, next.privacy);
    Greatest(FieldId::kRetention, mine.retention, next.retention);
    if (next.region) {
      mine.region = IntersectRegions(mine.region ? *mine.region : *next.region, *next.region);
      Note(FieldId::kRegion);
    }
    Least(FieldId::kMaxCost, mine.max_cost, next.max_cost);
    Least(FieldId::kDeadline, mine.deadline_ms, next.deadline_ms);
    if (!next.require.empty()) {
      mine.require = mine.require.Union(next.require);
      Note(FieldId::kRequire);
    }
    if (next.require_context_tokens > 0) {
      mine.require_context_tokens =
          std::max(mine.require_context_tokens, next.require_context_tokens);
      Note(FieldId::kRequireContext);
    }
    if (next.providers_only) {
      mine.providers_only = Intersect(
          mine.providers_only ? *mine.providers_only : *next.providers_only, *next.providers_only);
      Note(FieldId::kProvidersOnly);
    }
    Unite(FieldId::kProvidersIgnore, mine.providers_ignore, next.providers_ignore);
    Least(FieldId::kFallback, mine.fallback, next.fallback);
    Greatest(FieldId::kOnOverBudget, mine.on_over_budget, next.on_over_budget);
    Greatest(FieldId::kPriority, mine.priority, next.priority);
    Least(FieldId::kCache, mine.cache, next.cache);
    Least(FieldId::kCacheMaxAge, mine.cache_max_age_s, next.cache_max_age_s);
    Unite(FieldId::kTags, mine.tags, next.tags);
    Either(FieldId::kDryRun, mine.dry_run, next.dry_run);
    Either(FieldId::kExplain, mine.explain, next.explain);
  }

  void AddMostSpecific(const Constraints& next) {
    Constraints& mine = out_.constraints;
    FirstFilled(FieldId::kProvidersOrder, mine.providers_order, next.providers_order);
    First(FieldId::kPrefer, mine.prefer, next.prefer);
    First(FieldId::kMinQuality, mine.min_quality, next.min_quality);
    First(FieldId::kTtft, mine.ttft_ms, next.ttft_ms);
    First(FieldId::kTokensPerSecond, mine.tokens_per_s, next.tokens_per_s);
    First(FieldId::kStrategy, mine.strategy, next.strategy);
    First(FieldId::kKeepAlive, mine.keep_alive_nanos, next.keep_alive_nanos);
    FirstFilled(FieldId::kSession, mine.session, next.session);
    FirstFilled(FieldId::kRun, mine.run, next.run);
    FirstFilled(FieldId::kIdempotencyKey, mine.idempotency_key, next.idempotency_key);
  }

  Effective& out_;
  std::uint8_t source_ = 0;
};

}  // namespace

Effective Merge(std::span<const Source> sources) {
  CHECK(sources.size() <= kSourcesMax);
  Effective effective;
  Fold fold(effective);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    fold.Add(*sources[i].constraints, static_cast<std::uint8_t>(i));
  }
  return effective;
}

std::string StatedBy(const Effective& effective, FieldId field, std::span<const Source> sources) {
  std::string names;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if ((effective.stated_by[static_cast<std::size_t>(field)] >> i & 1U) == 0) continue;
    if (!names.empty()) names += ", ";
    names += sources[i].name;
  }
  return names;
}

}  // namespace tidegate::policy
