#include "policy/fields.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::policy {
namespace {

using core::Constraints;
using List = std::vector<std::string>;

Error ErrorOf(std::string_view name, const FieldValue& value) {
  Constraints constraints;
  const std::string path = "tidegate." + std::string(name);
  const Result<void> applied = ApplyField(constraints, name, value, path);
  EXPECT_FALSE(applied.ok()) << name;
  if (applied.ok()) return Internal("was accepted");
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(applied.error().field, path);
  return applied.error();
}

Constraints Applied(std::string_view name, const FieldValue& value) {
  Constraints constraints;
  const Result<void> applied = ApplyField(constraints, name, value, "tidegate");
  EXPECT_TRUE(applied.ok()) << name << ": " << (applied.ok() ? "" : Describe(applied.error()));
  return constraints;
}

TEST(Fields, AreListedOnceEachWithWordsForPeople) {
  ASSERT_EQ(Fields().size(), kFields);
  for (const Field& field : Fields()) {
    EXPECT_EQ(FindField(field.name), &field);
    EXPECT_FALSE(field.meaning.empty());
    EXPECT_FALSE(field.allowed.empty());
    EXPECT_NE(FieldsMarkdown().find("`" + std::string(field.name) + "`"), std::string::npos);
  }
  EXPECT_EQ(FindField("nothing"), nullptr);
}

TEST(ApplyField, SetsEachFieldFromItsType) {
  EXPECT_EQ(*Applied("place", List{"device", "edge"}).place,
            core::PlaceSet::Of(core::Place::kDevice).With(core::Place::kEdge));
  EXPECT_EQ(*Applied("place", std::string("cloud")).place, core::PlaceSet::Of(core::Place::kCloud));
  EXPECT_EQ(*Applied("privacy", std::string("masked")).privacy, core::Privacy::kMasked);
  EXPECT_EQ(*Applied("retention", std::string("zdr")).retention,
            core::Retention::kZeroDataRetention);
  EXPECT_EQ(*Applied("region", List{"EU", "us"}).region, (List{"eu", "us"}));
  EXPECT_EQ(Applied("max_cost_usd", 0.02).max_cost->nanodollars, 20'000'000);
  EXPECT_EQ(Applied("max_cost_usd", std::int64_t{2}).max_cost->nanodollars, 2'000'000'000);
  EXPECT_EQ(Applied("max_cost_usd", std::string("0.000000001")).max_cost->nanodollars, 1);
  EXPECT_EQ(*Applied("deadline_ms", std::int64_t{1500}).deadline_ms, 1500);
  EXPECT_TRUE(Applied("require", List{"tools", "vision"}).require.Has(core::Capability::kVision));
  EXPECT_EQ(Applied("require_context_tokens", std::int64_t{32000}).require_context_tokens, 32000);
  EXPECT_EQ(*Applied("providers.only", List{"openai"}).providers_only, List{"openai"});
  EXPECT_EQ(Applied("providers.ignore", List{"openai"}).providers_ignore, List{"openai"});
  EXPECT_EQ(Applied("providers.order", List{"b", "a"}).providers_order, (List{"b", "a"}));
  EXPECT_EQ(*Applied("fallback", std::string("same_model")).fallback, core::Fallback::kSameModel);
  EXPECT_EQ(*Applied("on_over_budget", std::string("refuse")).on_over_budget,
            core::OnOverBudget::kRefuse);
  EXPECT_EQ(*Applied("priority", std::string("background")).priority, core::Priority::kBackground);
  EXPECT_EQ(*Applied("prefer", std::string("quality")).prefer, core::Prefer::kQuality);
  EXPECT_EQ(*Applied("min_quality", 0.5).min_quality, 0.5);
  EXPECT_EQ(*Applied("ttft_ms", std::int64_t{300}).ttft_ms, 300);
  EXPECT_EQ(*Applied("tps", std::int64_t{40}).tokens_per_s, 40.0);
  EXPECT_EQ(*Applied("strategy", std::string("hedge")).strategy, core::Strategy::kHedge);
  EXPECT_EQ(*Applied("cache", std::string("exact")).cache, core::CacheMode::kExact);
  EXPECT_EQ(*Applied("cache.mode", std::string("semantic")).cache, core::CacheMode::kSemantic);
  EXPECT_EQ(*Applied("cache.max_age_s", std::int64_t{0}).cache_max_age_s, 0);
  EXPECT_EQ(*Applied("keep_alive", std::int64_t{600}).keep_alive_nanos, 600'000'000'000);
  EXPECT_EQ(*Applied("keep_alive", 0.5).keep_alive_nanos, 500'000'000);
  EXPECT_EQ(*Applied("keep_alive", std::string("1h30m")).keep_alive_nanos, 5'400'000'000'000);
  EXPECT_EQ(*Applied("keep_alive", std::int64_t{-1}).keep_alive_nanos, -1);
  EXPECT_EQ(Applied("session", std::string("s1")).session, "s1");
  EXPECT_EQ(Applied("run", std::string("r")).run, "r");
  EXPECT_EQ(Applied("idempotency_key", std::string("k")).idempotency_key, "k");
  EXPECT_EQ(Applied("tags", List{"a"}).tags, List{"a"});
  EXPECT_TRUE(Applied("dry_run", true).dry_run);
  EXPECT_TRUE(Applied("explain", true).explain);
}

TEST(ApplyField, RefusesEveryWrongTypeNamingWhatIsAllowed) {
  const std::vector<FieldValue> values = {true, std::int64_t{5}, 0.5, std::string("?"),
                                          List{"?", "!"}};
  for (const Field& field : Fields()) {
    int refused = 0;
    for (const FieldValue& value : values) {
      Constraints constraints;
      const Result<void> applied = ApplyField(constraints, field.name, value, "p");
      if (applied.ok()) continue;
      ++refused;
      EXPECT_NE(applied.error().message.find(field.allowed.substr(0, 4)), std::string::npos)
          << field.name;
    }
    EXPECT_GE(refused, 2) << field.name;
  }
}

TEST(ApplyField, RefusesWhatIsOutOfRange) {
  ErrorOf("deadline_ms", std::int64_t{0});
  ErrorOf("deadline_ms", kDeadlineMsMax + 1);
  ErrorOf("max_cost_usd", -0.01);
  ErrorOf("max_cost_usd", std::string("-1"));
  ErrorOf("max_cost_usd", 1e300);
  ErrorOf("min_quality", 1.01);
  ErrorOf("min_quality", -0.01);
  ErrorOf("tps", 0.0);
  ErrorOf("cache.max_age_s", std::int64_t{-1});
  ErrorOf("require_context_tokens", std::int64_t{0});
  ErrorOf("keep_alive", std::string("soon"));
  ErrorOf("session", std::string());
  ErrorOf("session", std::string(kNameBytesMax + 1, 'x'));
  ErrorOf("session", std::string("a\nb"));
  ErrorOf("tags", List(kListEntriesMax + 1, "t"));
  ErrorOf("place", List{});
  ErrorOf("providers.only", List{});
  ErrorOf("place", List{"device", "moon"});
  ErrorOf("require", List{"telepathy"});
  ErrorOf("privacy", std::string("Local"));
}

TEST(ApplyField, LeavesTheConstraintsAloneWhenItRefuses) {
  Constraints constraints;
  constraints.privacy = core::Privacy::kLocal;
  EXPECT_FALSE(ApplyField(constraints, "privacy", std::string("none"), "p").ok());
  EXPECT_EQ(constraints.privacy, core::Privacy::kLocal);
}

TEST(ApplyField, SuggestsTheNearestNameForAMisspeltOne) {
  EXPECT_NE(ErrorOf("max_cost", 1.0).message.find("did you mean 'max_cost_usd'"),
            std::string::npos);
  EXPECT_NE(ErrorOf("privcy", 1.0).message.find("did you mean 'privacy'"), std::string::npos);
  EXPECT_NE(ErrorOf("providers.olny", 1.0).message.find("did you mean 'providers.only'"),
            std::string::npos);
  const std::string far = ErrorOf("quux", 1.0).message;
  EXPECT_EQ(far.find("did you mean"), std::string::npos);
  EXPECT_NE(far.find("deadline_ms"), std::string::npos);
}

TEST(ApplyText, ReadsHeadersByTheTypeOfTheirField) {
  Constraints constraints;
  EXPECT_TRUE(ApplyText(constraints, "place", "device, edge", "h").ok());
  EXPECT_TRUE(ApplyText(constraints, "max-cost-usd", " 0.1 ", "h").ok());
  EXPECT_TRUE(ApplyText(constraints, "deadline-ms", "250", "h").ok());
  EXPECT_TRUE(ApplyText(constraints, "providers-only", "a,b,", "h").ok());
  EXPECT_TRUE(ApplyText(constraints, "dry-run", "true", "h").ok());
  EXPECT_TRUE(ApplyText(constraints, "min-quality", "0.25", "h").ok());
  EXPECT_EQ(constraints.max_cost->nanodollars, 100'000'000);
  EXPECT_EQ(*constraints.deadline_ms, 250);
  EXPECT_EQ(*constraints.providers_only, (List{"a", "b"}));
  EXPECT_TRUE(constraints.dry_run);
  EXPECT_EQ(*constraints.min_quality, 0.25);
}

TEST(ApplyText, RefusesTextThatIsNotOfTheFieldsType) {
  Constraints constraints;
  for (const auto& [name, text] :
       std::vector<std::pair<std::string, std::string>>{{"deadline-ms", "12ms"},
                                                        {"deadline-ms", ""},
                                                        {"dry-run", "maybe"},
                                                        {"min-quality", "nan"},
                                                        {"max-cost-usd", "1e-3"},
                                                        {"place", ""},
                                                        {"place", ","},
                                                        {"deadline", "5"}}) {
    const Result<void> applied = ApplyText(constraints, name, text, "tidegate-" + name);
    ASSERT_FALSE(applied.ok()) << name << "=" << text;
    EXPECT_EQ(applied.error().field, "tidegate-" + name);
  }
}

TEST(ApplyProviderAlias, MapsOpenRoutersWordsOntoOurs) {
  Constraints c;
  EXPECT_TRUE(ApplyProviderAlias(c, "order", List{"b", "a"}, "provider.order").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "only", List{"a", "b"}, "provider.only").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "ignore", List{"z"}, "provider.ignore").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "allow_fallbacks", false, "provider.allow_fallbacks").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "data_collection", std::string("deny"), "p").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "sort", std::string("price"), "p").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "preferred_max_latency", 1.5, "p").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "preferred_min_throughput", std::int64_t{50}, "p").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "require_parameters", true, "p").ok());
  EXPECT_EQ(c.providers_order, (List{"b", "a"}));
  EXPECT_EQ(*c.fallback, core::Fallback::kNone);
  EXPECT_EQ(*c.retention, core::Retention::kZeroDataRetention);
  EXPECT_EQ(*c.prefer, core::Prefer::kCost);
  EXPECT_EQ(*c.ttft_ms, 1500);
  EXPECT_EQ(*c.tokens_per_s, 50.0);
}

TEST(ApplyProviderAlias, NeverLoosens) {
  Constraints c;
  EXPECT_TRUE(ApplyProviderAlias(c, "allow_fallbacks", true, "p").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "data_collection", std::string("allow"), "p").ok());
  EXPECT_TRUE(ApplyProviderAlias(c, "zdr", false, "p").ok());
  EXPECT_FALSE(c.fallback.has_value());
  EXPECT_FALSE(c.retention.has_value());
}

TEST(ApplyProviderAlias, RefusesWhatItCannotHonourAndSaysWhatToUse) {
  Constraints c;
  const Result<void> price =
      ApplyProviderAlias(c, "max_price.prompt", 1.0, "provider.max_price.prompt");
  ASSERT_FALSE(price.ok());
  EXPECT_NE(price.error().message.find("max_cost_usd"), std::string::npos);
  EXPECT_EQ(price.error().field, "provider.max_price.prompt");
  EXPECT_FALSE(ApplyProviderAlias(c, "quantizations", List{"fp8"}, "p").ok());
  EXPECT_FALSE(ApplyProviderAlias(c, "sort", std::string("beauty"), "p").ok());
  EXPECT_FALSE(ApplyProviderAlias(c, "zdr", std::string("yes"), "p").ok());
  EXPECT_NE(ApplyProviderAlias(c, "oder", List{"x"}, "p").error().message.find("'order'"),
            std::string::npos);
}

}  // namespace
}  // namespace tidegate::policy
