// Properties of plans over random fleets and constraints; what single cases decide is in testdata/.
#include "plan/plan.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "plan/model_name.h"
#include "policy/merge.h"
#include "policy/region.h"

namespace tidegate::plan {
namespace {

using core::Constraints;
using core::Deployment;
using core::Place;
using core::PlaceSet;
using core::RejectReason;

// A request, a fleet and its state, at random; owns what an Input refers to.
struct World {
  profile::Profile profile;
  Constraints constraints;
  core::Privacy privacy = core::Privacy::kOpen;
  PlaceSet label_places;
  std::string asked;
  std::vector<Deployment> fleet;
  std::vector<core::LiveState> live;
  PlaceSet key_places;
  Money budget;

  Input MakeInput() const {
    return {profile, constraints, privacy, label_places, asked, fleet, live, key_places, budget};
  }
};

class WorldMaker {
 public:
  explicit WorldMaker(std::uint32_t seed) : random_(seed) {}

  World Make() {
    World world;
    const std::size_t size = 1 + Pick(8);
    for (std::size_t i = 0; i < size; ++i) {
      world.fleet.push_back(AnyDeployment(i));
      world.live.push_back(AnyState());
    }
    world.profile = AnyProfile();
    world.constraints = AnyConstraints();
    world.privacy = world.constraints.privacy.value_or(core::Privacy::kOpen);
    world.label_places = world.privacy == core::Privacy::kMasked ? PlaceSet::Of(Place::kDevice)
                                                                 : core::PlacesFor(world.privacy);
    const Deployment& some = world.fleet[Pick(size)];
    const std::vector<std::string> names = {"auto",         "auto:private",
                                            "auto:cheap",   some.ref.ToString(),
                                            some.ref.model, "nobody/nothing"};
    world.asked = names[Pick(20) == 0 ? 5 : Pick(5)];
    world.key_places = Pick(4) == 0 ? AnyPlaces() : PlaceSet::All();
    world.budget = Pick(2) == 0 ? Money::Max() : Money{static_cast<std::int64_t>(Pick(30'000'000))};
    return world;
  }

  Constraints AnyConstraints() {
    Constraints c;
    if (Sometimes()) c.place = AnyPlaces();
    if (Sometimes()) c.privacy = static_cast<core::Privacy>(Pick(4));
    if (Sometimes()) c.retention = static_cast<core::Retention>(Pick(2));
    if (Sometimes()) c.region = std::vector<std::string>{Regions()[Pick(4)], Regions()[Pick(4)]};
    if (Sometimes()) c.max_cost = Money{static_cast<std::int64_t>(Pick(30'000'000))};
    if (Sometimes()) c.deadline_ms = static_cast<std::int64_t>(1 + Pick(20'000));
    if (Sometimes()) c.require = core::CapabilitySet().With(static_cast<core::Capability>(Pick(4)));
    if (Sometimes()) c.require_context_tokens = static_cast<std::int64_t>(Pick(20'000));
    if (Sometimes())
      c.providers_only = std::vector<std::string>{Providers()[Pick(4)], Providers()[Pick(4)]};
    if (Sometimes()) c.providers_ignore = {Providers()[Pick(4)]};
    if (Sometimes()) c.fallback = static_cast<core::Fallback>(Pick(3));
    if (Sometimes()) c.on_over_budget = static_cast<core::OnOverBudget>(Pick(2));
    if (Sometimes()) c.prefer = static_cast<core::Prefer>(Pick(5));
    if (Sometimes()) c.min_quality = static_cast<double>(Pick(100)) / 100;
    if (Sometimes()) c.providers_order = {Providers()[Pick(4)]};
    return c;
  }

  std::size_t Pick(std::size_t n) { return random_() % n; }

 private:
  bool Sometimes() { return Pick(5) == 0; }
  static std::vector<std::string> Providers() { return {"local", "alpha", "beta", "gamma"}; }
  static std::vector<std::string> Regions() { return {"", "eu", "de", "us"}; }
  PlaceSet AnyPlaces() {
    PlaceSet places;
    for (int i = 0; i < core::kPlaces; ++i) {
      if (Pick(2) == 0) places = places.With(static_cast<Place>(i));
    }
    return places;
  }
  Deployment AnyDeployment(std::size_t i) {
    Deployment d;
    d.ref = {Providers()[Pick(4)], "m" + std::to_string(i % 5)};
    d.family = Pick(3) == 0 ? "" : "f" + std::to_string(Pick(3));
    d.place = static_cast<Place>(Pick(4));
    d.region = Regions()[Pick(4)];
    d.zero_data_retention = Pick(2) == 0;
    d.capabilities = core::CapabilitySet::FromBits(static_cast<std::uint32_t>(Pick(16)));
    if (d.place == Place::kDevice) {
      d.prices = core::Prices{};
    } else if (Pick(8) != 0) {
      core::Prices prices;
      prices.input.nanodollars_per_mtok = static_cast<std::int64_t>(Pick(5'000)) * 1'000'000;
      prices.output.nanodollars_per_mtok = static_cast<std::int64_t>(Pick(15'000)) * 1'000'000;
      prices.cached_write.nanodollars_per_mtok = static_cast<std::int64_t>(Pick(6'000)) * 1'000'000;
      prices.per_request = Money{static_cast<std::int64_t>(Pick(2) * 1'000'000)};
      d.prices = prices;
    }
    d.context_tokens = Pick(6) == 0 ? 0 : static_cast<std::int64_t>(1000 + Pick(20'000));
    d.output_tokens_max = Pick(4) == 0 ? 0 : static_cast<std::int64_t>(500 + Pick(8'000));
    d.quality = static_cast<double>(Pick(100)) / 100;
    d.ttft_ms_prior = static_cast<std::int64_t>(Pick(2'000));
    d.tokens_per_s_prior = static_cast<double>(1 + Pick(200));
    return d;
  }
  core::LiveState AnyState() {
    core::LiveState live;
    live.available = Pick(6) != 0;
    live.loaded = Pick(3) != 0;
    live.load_ms = static_cast<std::int64_t>(Pick(5'000));
    live.queue_depth = static_cast<std::int64_t>(Pick(3));
    live.samples = static_cast<std::int64_t>(Pick(40));
    live.ttft_ms_p50 = static_cast<double>(Pick(1'000));
    live.ttft_ms_p95 = live.ttft_ms_p50 * 2;
    live.tokens_per_s_p50 = static_cast<double>(Pick(200));
    live.tokens_per_s_p05 = live.tokens_per_s_p50 / 2;
    return live;
  }
  profile::Profile AnyProfile() {
    profile::Profile p;
    p.input_tokens_estimate = static_cast<std::int64_t>(Pick(8'000));
    p.input_tokens_max = Pick(20) == 0 ? INT64_MAX / 4 : 4 * p.input_tokens_estimate;
    p.output_tokens_estimate = static_cast<std::int64_t>(1 + Pick(2'000));
    p.output_tokens_limit =
        Pick(2) == 0 ? 0 : p.output_tokens_estimate + static_cast<std::int64_t>(Pick(3'000));
    p.choices = 1 + static_cast<std::int64_t>(Pick(3));
    p.needs = core::CapabilitySet::FromBits(static_cast<std::uint32_t>(Pick(16) & Pick(16)));
    p.difficulty = static_cast<double>(Pick(100)) / 100;
    return p;
  }

  std::mt19937 random_;
};

// The hard constraints again, written from the documentation and not from the rules: what an
// attempt must never break.
std::string Violation(const World& world, const Attempt& attempt) {
  const Deployment& d = world.fleet[attempt.deployment];
  const Constraints& c = world.constraints;
  const profile::Profile& p = world.profile;
  const bool device = d.place == Place::kDevice;
  if (c.place && !c.place->Has(d.place)) return "place";
  if (!world.key_places.Has(d.place)) return "key place";
  if (c.privacy == core::Privacy::kLocal && !device) return "privacy local";
  if (c.privacy == core::Privacy::kMasked && !device) return "privacy masked";
  if (c.privacy == core::Privacy::kAttested && !device && d.place != Place::kAttested)
    return "privacy attested";
  if (world.asked == "auto:private" && !device) return "auto:private";
  if (c.retention == core::Retention::kZeroDataRetention && !device && !d.zero_data_retention)
    return "retention";
  if (c.region && !device) {
    bool within = false;
    for (const std::string& region : *c.region) {
      within = within ||
               (!d.region.empty() && (region == d.region || (region == "eu" && d.region == "de")));
    }
    if (!within) return "region";
  }
  const auto lists = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), d.ref.provider) != list.end();
  };
  if (lists(c.providers_ignore) || (c.providers_only && !lists(*c.providers_only)))
    return "provider list";
  for (int i = 0; i < core::kCapabilities; ++i) {
    const auto capability = static_cast<core::Capability>(i);
    if ((p.needs.Has(capability) || c.require.Has(capability)) && !d.capabilities.Has(capability))
      return "capability";
  }
  if (d.context_tokens > 0 && p.input_tokens_estimate + p.output_tokens_estimate > d.context_tokens)
    return "context";
  if (c.require_context_tokens > d.context_tokens) return "required context";
  if (!d.prices) return "price";
  if (!world.live[attempt.deployment].available) return "unavailable";
  if (c.min_quality && attempt.estimate.quality < *c.min_quality) return "quality";
  if (c.deadline_ms && attempt.estimate.total_ms > *c.deadline_ms) return "deadline";
  // The dearest that the provider could bill under the limit that is written or stated.
  std::int64_t output = p.output_tokens_limit > 0 ? p.output_tokens_limit : d.output_tokens_max;
  if (output == 0) output = d.context_tokens;
  if (attempt.estimate.output_tokens_limit) output = *attempt.estimate.output_tokens_limit;
  const bool free = d.prices->output.nanodollars_per_mtok == 0;
  if (output == 0 && !free) return "unbounded output";
  const std::int64_t input =
      d.context_tokens > 0 ? std::min(d.context_tokens, p.input_tokens_max) : p.input_tokens_max;
  const Money worst = Cost(input, std::max(d.prices->input, d.prices->cached_write)) +
                      Cost(output * p.choices, d.prices->output) + d.prices->per_request;
  if (worst > attempt.estimate.worst_cost) return "worst cost is no bound";
  if (c.max_cost && worst > *c.max_cost) return "max cost";
  if (worst.nanodollars > 0 && worst > world.budget) return "budget";
  if (attempt.estimate.cost > attempt.estimate.worst_cost && p.output_tokens_limit > 0)
    return "expects more than the worst";
  return "";
}

TEST(Plan, NeverBreaksAHardConstraintInAHundredThousandWorlds) {
  WorldMaker maker(1);
  std::size_t planned = 0;
  std::size_t refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    const World world = maker.Make();
    const Plan plan = Make(world.MakeInput());
    for (const Attempt& attempt : plan.attempts) {
      ASSERT_EQ(Violation(world, attempt), "") << "world " << i;
    }
    (plan.attempts.empty() ? refused : planned)++;
    ASSERT_EQ(plan.candidates.size(), world.fleet.size());
  }
  EXPECT_GT(planned, 10'000U);  // neither side of the property is vacuous
  EXPECT_GT(refused, 20'000U);
}

TEST(Plan, ExplainsEveryRejectionAndEveryRefusal) {
  WorldMaker maker(2);
  for (int i = 0; i < 5'000; ++i) {
    const World world = maker.Make();
    const Input input = world.MakeInput();
    const Plan plan = Make(input);
    for (const Candidate& candidate : plan.candidates) {
      if (candidate.rejected) {
        ASSERT_NE(Explain(input, candidate), "");
      }
    }
    if (!plan.attempts.empty()) continue;
    const Error error = NoCandidateError(input, plan);
    ASSERT_NE(error.message, "");
    ASSERT_NE(error.reason, "");
  }
}

// The index changes what is looked at and nothing of what comes out.
TEST(Plan, WithAnIndexOfNamesIsThePlanWithoutWhatBearsAnotherName) {
  WorldMaker maker(4);
  std::size_t shorter = 0;
  for (int i = 0; i < 20'000; ++i) {
    const World world = maker.Make();
    Input input = world.MakeInput();
    const Plan all = Make(input);
    const NameIndex names(world.fleet);
    input.names = &names;
    const Plan some = Make(input);
    ASSERT_EQ(some.attempts.size(), all.attempts.size());
    for (std::size_t j = 0; j < all.attempts.size(); ++j) {
      ASSERT_EQ(some.attempts[j].deployment, all.attempts[j].deployment);
    }
    std::size_t at = 0;
    for (const Candidate& candidate : all.candidates) {
      const bool same = at < some.candidates.size() &&
                        some.candidates[at].deployment == candidate.deployment &&
                        some.candidates[at].rejected == candidate.rejected &&
                        (!candidate.rejected || some.candidates[at].reason == candidate.reason);
      if (same) {
        ++at;
      } else {
        ASSERT_TRUE(candidate.rejected);
        ASSERT_EQ(candidate.reason, core::RejectReason::kModelName);
        ++shorter;
      }
    }
    ASSERT_EQ(at, some.candidates.size());
    if (!all.attempts.empty()) continue;
    ASSERT_EQ(NoCandidateError(input, some).message, NoCandidateError(input, all).message);
  }
  EXPECT_GT(shorter, 1'000U);
}

TEST(Plan, IsTheSameForTheSameInput) {
  WorldMaker maker(3);
  for (int i = 0; i < 2'000; ++i) {
    const World world = maker.Make();
    const Plan a = Make(world.MakeInput());
    const Plan b = Make(world.MakeInput());
    ASSERT_EQ(a.candidates.size(), b.candidates.size());
    for (std::size_t j = 0; j < a.candidates.size(); ++j) {
      ASSERT_EQ(a.candidates[j].deployment, b.candidates[j].deployment);
      ASSERT_EQ(a.candidates[j].score, b.candidates[j].score);
    }
  }
}

// Merging in another source of constraints may change the order, but never admits what was not
// admitted before. The rules that choose by order (fallback, refuse) are left out, since there the
// first choice itself changes; so is privacy "masked": as long as nothing can mask it is confined
// to the device, more narrowly than the level above it.
TEST(Plan, AddingConstraintsNeverEnlargesTheSetOfCandidates) {
  WorldMaker maker(4);
  std::size_t shrunk = 0;
  for (int i = 0; i < 20'000; ++i) {
    World world = maker.Make();
    world.constraints.fallback = core::Fallback::kAny;
    world.constraints.on_over_budget.reset();
    Constraints more = maker.AnyConstraints();
    more.fallback.reset();
    more.on_over_budget.reset();
    more.min_quality = world.constraints.min_quality;
    for (Constraints* constraints : {&world.constraints, &more}) {
      if (constraints->privacy == core::Privacy::kMasked)
        constraints->privacy = core::Privacy::kAttested;
    }
    world.privacy = world.constraints.privacy.value_or(core::Privacy::kOpen);
    world.label_places = core::PlacesFor(world.privacy);
    World tighter = world;
    const std::vector<policy::Source> sources = {{"request", &world.constraints}, {"more", &more}};
    tighter.constraints = policy::Merge(sources).constraints;
    tighter.privacy = tighter.constraints.privacy.value_or(core::Privacy::kOpen);
    tighter.label_places = core::PlacesFor(tighter.privacy);
    const auto admitted = [](const Plan& plan) {
      std::vector<std::uint32_t> list;
      for (const Candidate& candidate : plan.candidates) {
        if (!candidate.rejected) list.push_back(candidate.deployment);
      }
      std::sort(list.begin(), list.end());
      return list;
    };
    const std::vector<std::uint32_t> before = admitted(Make(world.MakeInput()));
    const std::vector<std::uint32_t> after = admitted(Make(tighter.MakeInput()));
    ASSERT_TRUE(std::includes(before.begin(), before.end(), after.begin(), after.end()))
        << "world " << i;
    shrunk += after.size() < before.size() ? 1 : 0;
  }
  EXPECT_GT(shrunk, 1'000U);
}

TEST(Plan, OrdersByScoreAmongEquallyNearCandidates) {
  WorldMaker maker(5);
  for (int i = 0; i < 5'000; ++i) {
    World world = maker.Make();
    world.asked = "auto";
    world.constraints.providers_order.clear();
    const Plan plan = Make(world.MakeInput());
    for (std::size_t j = 1; j < plan.attempts.size(); ++j) {
      ASSERT_LE(plan.candidates[j - 1].score, plan.candidates[j].score);
    }
  }
}

TEST(Plan, OfNoDeploymentsSaysHowToGetOne) {
  World world = WorldMaker(6).Make();
  world.fleet.clear();
  world.live.clear();
  const Input input = world.MakeInput();
  const Error error = NoCandidateError(input, Make(input));
  EXPECT_EQ(error.code, ErrorCode::kNoCandidate);
  EXPECT_NE(error.message.find("OPENAI_API_KEY"), std::string::npos);
  EXPECT_NE(error.message.find("tidegate pull"), std::string::npos);
  Input off = world.MakeInput();
  off.engine_off = true;
  const Error without_engine = NoCandidateError(off, Make(off));
  EXPECT_EQ(without_engine.message.find("tidegate pull"), std::string::npos);
  EXPECT_NE(without_engine.message.find("engine.enabled"), std::string::npos);
}

TEST(Plan, NoModelIsCalledByANameThatLeavesTheChoice) {
  for (const char* name : {"auto", "auto:latest", "auto:private", "auto:anything"}) {
    EXPECT_TRUE(IsReserved(name)) << name;
  }
  for (const char* name : {"automatic:latest", "ann/auto:latest", "local/auto", "m"}) {
    EXPECT_FALSE(IsReserved(name)) << name;
  }
}

TEST(Plan, SuggestsTheNearestModelForAMisspeltOne) {
  World world = WorldMaker(7).Make();
  world.fleet[0].ref = {"openai", "gpt-4o-mini"};
  world.asked = "openai/gpt-4o-mni";
  const Input input = world.MakeInput();
  const Error error = NoCandidateError(input, Make(input));
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_EQ(error.field, "model");
  EXPECT_NE(error.message.find("did you mean 'openai/gpt-4o-mini'"), std::string::npos);
}

TEST(ToRecords, KeepsTheEligibleAndTheMostTellingRejections) {
  World world;
  for (int i = 0; i < 10; ++i) {
    Deployment d;
    d.ref = {"p", "m" + std::to_string(i)};
    d.prices = core::Prices{};
    world.fleet.push_back(d);
  }
  world.live.resize(10);
  world.live[9].available = false;
  world.asked = "p/m3";
  world.constraints.fallback = core::Fallback::kAny;
  world.label_places = PlaceSet::All();
  world.key_places = PlaceSet::All();
  world.budget = Money::Max();
  EXPECT_EQ(ToRecords(world.MakeInput(), Make(world.MakeInput()), 99, 0).size(), 9U);
  EXPECT_EQ(ToRecords(world.MakeInput(), Make(world.MakeInput()), 4, 0).size(), 4U);
  world.constraints.fallback = core::Fallback::kNone;
  const std::vector<core::Candidate> records =
      ToRecords(world.MakeInput(), Make(world.MakeInput()), 99, 2);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].model, "p/m3");
  EXPECT_TRUE(records[1].rejected);
}

TEST(ModelName, IsServedWhereNoRegistryCanBeMeant) {
  std::vector<core::Deployment> fleet(2);
  fleet[0].ref = {"local", "ann/pirate:v2"};
  fleet[1].ref = {"ollama", "llama3.2:latest"};
  for (const char* served : {"auto", "auto:private", "auto:latest", "local/ann/pirate:v2",
                             "ollama/llama3.2", "ollama/llama3.2:latest"}) {
    EXPECT_TRUE(IsServed(served, fleet)) << served;
  }
  // A registry may have a newer one of these names.
  for (const char* pulled : {"llama3.2", "ann/pirate:v2", "local/absent", "ollama/llama3.2:1b"}) {
    EXPECT_FALSE(IsServed(pulled, fleet)) << pulled;
  }
}

TEST(ModelName, MeansTheSameWithTheDefaultTagAndWithoutItOnEitherSide) {
  std::vector<core::Deployment> fleet(4);
  fleet[0].ref = {"local", "tiny"};
  fleet[1].ref = {"ollama", "llama3.2:latest"};
  fleet[2].ref = {"ollama", "llama3.2:1b"};
  fleet[3].ref = {"openrouter", "maker/tiny"};
  const NameIndex index(fleet);
  using Found = std::vector<std::uint32_t>;
  for (const char* asked : {"tiny", "tiny:latest", "local/tiny", "local/tiny:latest"}) {
    EXPECT_EQ(index.Find(ParseModelName(asked)), Found{0}) << asked;
  }
  for (const char* asked : {"llama3.2", "llama3.2:latest", "ollama/llama3.2"}) {
    EXPECT_EQ(index.Find(ParseModelName(asked)), Found{1}) << asked;
  }
  EXPECT_EQ(index.Find(ParseModelName("llama3.2:1b")), Found{2});
  EXPECT_EQ(index.Find(ParseModelName("maker/tiny:latest")), Found{3});
  for (const char* asked : {"tiny:1b", ":latest", "latest", "ollama/tiny", "tiny:latest:latest"}) {
    EXPECT_EQ(index.Find(ParseModelName(asked)), Found{}) << asked;
  }
  EXPECT_EQ(WithoutDefaultTag(":latest"), ":latest");
}

TEST(ConstraintsOfModelName, SayWhatTheAutoNamesMean) {
  EXPECT_EQ(ConstraintsOfModelName("auto:private").privacy, core::Privacy::kLocal);
  EXPECT_EQ(ConstraintsOfModelName("auto:private:latest").privacy, core::Privacy::kLocal);
  EXPECT_EQ(ConstraintsOfModelName("auto:best:latest").prefer, core::Prefer::kQuality);
  EXPECT_TRUE(ParseModelName("auto:latest").automatic);
  EXPECT_FALSE(ParseModelName("auto:latest").local_only);
  EXPECT_EQ(ConstraintsOfModelName("auto:best").prefer, core::Prefer::kQuality);
  EXPECT_EQ(ConstraintsOfModelName("auto:cheap").prefer, core::Prefer::kCost);
  EXPECT_EQ(ConstraintsOfModelName("auto:fast").prefer, core::Prefer::kLatency);
  EXPECT_FALSE(ConstraintsOfModelName("auto").prefer.has_value());
  EXPECT_FALSE(ConstraintsOfModelName("openai/gpt-5").privacy.has_value());
}

}  // namespace
}  // namespace tidegate::plan
