#include "policy/merge.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "policy/region.h"

namespace tidegate::policy {
namespace {

using core::Constraints;
using List = std::vector<std::string>;

Constraints MergeAll(const std::vector<Constraints>& all) {
  std::vector<Source> sources;
  for (const Constraints& constraints : all) sources.push_back({"s", &constraints});
  return Merge(sources).constraints;
}

class Random {
 public:
  explicit Random(std::uint32_t seed) : random_(seed) {}
  std::size_t Pick(std::size_t n) { return random_() % n; }
  bool Sometimes() { return Pick(3) == 0; }
  List Names(std::vector<std::string> from) {
    List names;
    for (const std::string& name : from) {
      if (Pick(2) == 0) names.push_back(name);
    }
    return names;
  }
  Constraints Any() {
    Constraints c;
    if (Sometimes()) {
      core::PlaceSet places;
      for (int i = 0; i < core::kPlaces; ++i) {
        if (Pick(2) == 0) places = places.With(static_cast<core::Place>(i));
      }
      c.place = places;
    }
    if (Sometimes()) c.privacy = static_cast<core::Privacy>(Pick(4));
    if (Sometimes()) c.retention = static_cast<core::Retention>(Pick(2));
    if (Sometimes()) c.region = Names({"eu", "us", "de", "fr", "cn"});
    if (Sometimes()) c.max_cost = Money{static_cast<std::int64_t>(Pick(1000))};
    if (Sometimes()) c.deadline_ms = static_cast<std::int64_t>(1 + Pick(1000));
    if (Sometimes())
      c.require = core::CapabilitySet::FromBits(Pick(std::uint64_t{1} << core::kCapabilities));
    if (Sometimes()) c.require_context_tokens = static_cast<std::int64_t>(Pick(1000));
    if (Sometimes()) c.providers_only = Names({"a", "b", "c", "d"});
    if (Sometimes()) c.providers_ignore = Names({"a", "b", "c", "d"});
    if (Sometimes()) c.fallback = static_cast<core::Fallback>(Pick(3));
    if (Sometimes()) c.on_over_budget = static_cast<core::OnOverBudget>(Pick(2));
    if (Sometimes()) c.priority = static_cast<core::Priority>(Pick(3));
    if (Sometimes()) c.cache = static_cast<core::CacheMode>(Pick(3));
    if (Sometimes()) c.cache_max_age_s = static_cast<std::int64_t>(Pick(100));
    if (Sometimes()) c.prefer = static_cast<core::Prefer>(Pick(5));
    if (Sometimes()) c.min_quality = static_cast<double>(Pick(100)) / 100;
    if (Sometimes()) c.providers_order = Names({"b", "a", "c"});
    if (Sometimes()) c.tags = Names({"x", "y", "z"});
    c.dry_run = Pick(8) == 0;
    return c;
  }

 private:
  std::mt19937 random_;
};

// The fields that merge strictest, as one comparable value.
auto Strict(const Constraints& c) {
  return std::tuple(c.place ? std::optional(c.place->Has(core::Place::kDevice) * 1 +
                                            c.place->Has(core::Place::kEdge) * 2 +
                                            c.place->Has(core::Place::kAttested) * 4 +
                                            c.place->Has(core::Place::kCloud) * 8)
                            : std::nullopt,
                    c.privacy, c.retention, c.region, c.max_cost, c.deadline_ms, c.require.bits(),
                    c.require_context_tokens, c.providers_only, c.providers_ignore, c.fallback,
                    c.on_over_budget, c.priority, c.cache, c.cache_max_age_s, c.tags, c.dry_run,
                    c.explain);
}

// Whether whatever `tight` admits is admitted by `loose` too.
void ExpectNoLooser(const Constraints& tight, const Constraints& loose) {
  for (int i = 0; i < core::kPlaces; ++i) {
    const auto place = static_cast<core::Place>(i);
    if (loose.place && !loose.place->Has(place)) {
      EXPECT_FALSE(!tight.place || tight.place->Has(place));
    }
  }
  EXPECT_GE(tight.privacy, loose.privacy);
  EXPECT_GE(tight.retention, loose.retention);
  for (const std::string region : {"eu", "us", "de", "fr", "cn", "it"}) {
    const auto admits = [&](const Constraints& c) {
      return !c.region ||
             std::any_of(c.region->begin(), c.region->end(),
                         [&](const std::string& allowed) { return RegionWithin(region, allowed); });
    };
    if (admits(tight)) {
      EXPECT_TRUE(admits(loose)) << region;
    }
  }
  if (loose.max_cost) {
    EXPECT_LE(tight.max_cost.value_or(Money::Max()), *loose.max_cost);
  }
  if (loose.deadline_ms) {
    EXPECT_LE(tight.deadline_ms.value_or(INT64_MAX), *loose.deadline_ms);
  }
  EXPECT_TRUE(tight.require.Contains(loose.require));
  EXPECT_GE(tight.require_context_tokens, loose.require_context_tokens);
  for (const std::string name : {"a", "b", "c", "d"}) {
    const auto admits = [&](const Constraints& c) {
      const bool ignored =
          std::count(c.providers_ignore.begin(), c.providers_ignore.end(), name) > 0;
      return !ignored && (!c.providers_only ||
                          std::count(c.providers_only->begin(), c.providers_only->end(), name) > 0);
    };
    if (admits(tight)) {
      EXPECT_TRUE(admits(loose)) << name;
    }
  }
  if (loose.fallback) {
    EXPECT_LE(tight.fallback.value_or(core::Fallback::kAny), *loose.fallback);
  }
  EXPECT_GE(tight.on_over_budget, loose.on_over_budget);
  EXPECT_GE(tight.priority, loose.priority);
  if (loose.cache) {
    EXPECT_LE(tight.cache.value_or(core::CacheMode::kSemantic), *loose.cache);
  }
  EXPECT_GE(tight.dry_run, loose.dry_run);
}

TEST(Merge, IsNoLooserThanAnySource) {
  Random random(1);
  for (int i = 0; i < 20'000 && !testing::Test::HasFailure(); ++i) {
    const std::vector<Constraints> all = {random.Any(), random.Any(), random.Any()};
    const Constraints merged = MergeAll(all);
    for (const Constraints& source : all) ExpectNoLooser(merged, source);
  }
}

TEST(Merge, OfStrictestFieldsDoesNotDependOnTheOrderOfTheSources) {
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    const Constraints a = random.Any();
    const Constraints b = random.Any();
    const Constraints c = random.Any();
    ASSERT_EQ(Strict(MergeAll({a, b, c})), Strict(MergeAll({c, b, a})));
    ASSERT_EQ(Strict(MergeAll({MergeAll({a, b}), c})), Strict(MergeAll({a, MergeAll({b, c})})));
  }
}

TEST(Merge, OfASourceWithItselfIsTheSourceAlone) {
  Random random(3);
  for (int i = 0; i < 20'000; ++i) {
    const Constraints a = random.Any();
    ASSERT_EQ(Strict(MergeAll({a, a})), Strict(MergeAll({a})));
    ASSERT_EQ(Strict(MergeAll({MergeAll({a})})), Strict(MergeAll({a})));
  }
}

TEST(Merge, TakesSoftFieldsFromTheMostSpecificSourceThatStatesThem) {
  Constraints request;
  request.prefer = core::Prefer::kCost;
  Constraints key;
  key.prefer = core::Prefer::kQuality;
  key.min_quality = 0.3;
  Constraints policy;
  policy.min_quality = 0.9;
  policy.session = "p";
  policy.providers_order = {"x"};
  const Constraints merged = MergeAll({request, key, policy});
  EXPECT_EQ(*merged.prefer, core::Prefer::kCost);
  EXPECT_EQ(*merged.min_quality, 0.3);
  EXPECT_EQ(merged.session, "p");
  EXPECT_EQ(merged.providers_order, List{"x"});
}

TEST(Merge, IntersectsToNothingRatherThanToEverything) {
  Constraints a;
  a.place = core::PlaceSet::Of(core::Place::kDevice);
  a.providers_only = List{"x"};
  a.region = List{"us"};
  Constraints b;
  b.place = core::PlaceSet::Of(core::Place::kCloud);
  b.providers_only = List{"y"};
  b.region = List{"eu"};
  const Constraints merged = MergeAll({a, b});
  EXPECT_TRUE(merged.place->empty());
  EXPECT_TRUE(merged.providers_only->empty());
  EXPECT_TRUE(merged.region->empty());
}

TEST(Merge, KnowsThatAMemberStateIsWithinTheUnion) {
  Constraints a;
  a.region = List{"eu", "us"};
  Constraints b;
  b.region = List{"de", "jp"};
  EXPECT_EQ(*MergeAll({a, b}).region, List{"de"});
}

TEST(Merge, TellsWhoStatedAField) {
  Constraints request;
  request.deadline_ms = 5;
  request.prefer = core::Prefer::kCost;
  Constraints key;
  key.deadline_ms = 9;
  key.prefer = core::Prefer::kQuality;
  const std::vector<Source> sources = {{"request", &request}, {"key laptop", &key}};
  const Effective effective = Merge(sources);
  EXPECT_EQ(StatedBy(effective, FieldId::kDeadline, sources), "request, key laptop");
  EXPECT_EQ(StatedBy(effective, FieldId::kPrefer, sources), "request");
  EXPECT_EQ(StatedBy(effective, FieldId::kPlace, sources), "");
}

}  // namespace
}  // namespace tidegate::policy
