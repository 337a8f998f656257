#include "engine/residency.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;
constexpr std::uint64_t kGib = 1ULL << 30U;

// Says what models do, at a time of our own, and writes what shall happen as "start a, yield b".
class ResidencyTest : public testing::Test {
 protected:
  ResidencyTest() { Rebuild(10 * kGib); }

  void Rebuild(std::uint64_t budget, std::uint64_t preload = 0) {
    limits_.budget_bytes = budget;
    limits_.preload_bytes = preload;
    residency_.emplace(limits_);
    uses_.clear();
  }
  void Add(const std::string& model, std::uint64_t gib, std::int64_t load_nanos = kSecond) {
    residency_->Add(model, gib * kGib);
    uses_[model].load_nanos = load_nanos;
  }

  std::string Take(const Decisions& decisions) {
    std::string text;
    for (const Decision& decision : decisions) {
      if (!text.empty()) text += ", ";
      switch (decision.kind) {
        case Decision::Kind::kStart:
          text += "start ";
          break;
        case Decision::Kind::kRefuse:
          text += "refuse ";
          refusal_ = decision.error;
          break;
        case Decision::Kind::kYield:
          text += "yield ";
          break;
        case Decision::Kind::kResume:
          text += "resume ";
          break;
        case Decision::Kind::kPreload:
          text += "preload ";
          break;
        case Decision::Kind::kExpire:
          text += "expire ";
          refusal_ = decision.error;
          expired_since_ = decision.since;
          break;
      }
      text += decision.model;
    }
    return text;
  }
  std::string Tell(const std::string& model) {
    engine::Use& use = uses_[model];
    if (use.waiting == 0) use.waiting_since = 0;
    if (use.waiting > 0 && use.waiting_since == 0) use.waiting_since = now_;
    return Take(residency_->Update(now_, model, uses_[model]));
  }
  std::string Be(const std::string& model, Phase phase) {
    uses_[model].phase = phase;
    if (phase != Phase::kResident) uses_[model].users = 0;
    return Tell(model);
  }
  std::string Want(const std::string& model, std::size_t waiting = 1) {
    uses_[model].waiting = waiting;
    return Be(model, Phase::kWanting);
  }
  std::string Loading(const std::string& model) { return Be(model, Phase::kLoading); }
  // Serves `users` at once; nobody waits any more.
  std::string Ready(const std::string& model, int users = 1) {
    uses_[model].grants += static_cast<std::uint64_t>(users);
    uses_[model].users = users;
    uses_[model].waiting = 0;
    return Be(model, Phase::kResident);
  }
  std::string Idle(const std::string& model) {
    uses_[model].users = 0;
    uses_[model].waiting = 0;
    return Tell(model);
  }
  std::string Use(const std::string& model) {  // another request
    ++uses_[model].users;
    ++uses_[model].grants;
    return Tell(model);
  }
  std::string Leave(const std::string& model) { return Be(model, Phase::kLeaving); }
  std::string Gone(const std::string& model) {
    uses_[model].waiting = 0;
    return Be(model, Phase::kAbsent);
  }
  // From absent to resident, with one user.
  void Serve(const std::string& model) {
    ASSERT_EQ(Want(model), "start " + model);
    ASSERT_EQ(Loading(model), "");
    ASSERT_EQ(Ready(model), "");
  }
  // Resident and idle for longer than anybody lingers.
  void Rest(const std::string& model) {
    Serve(model);
    ASSERT_EQ(Idle(model), "");
    now_ += kSecond;
  }
  std::string Wake() {
    if (!residency_->wake_at()) return "never";
    now_ = std::max(now_, *residency_->wake_at());
    return Take(residency_->OnTimer(now_));
  }

  std::int64_t now_ = 1'000 * kSecond;
  ResidencyLimits limits_;
  std::optional<Residency> residency_;
  std::map<std::string, engine::Use> uses_;
  Error refusal_;
  std::int64_t expired_since_ = 0;
};

// --- room ---

TEST_F(ResidencyTest, GraphicsMemoryIsABudgetOfItsOwn) {
  limits_.device_bytes = 8 * kGib;
  Rebuild(100 * kGib);
  residency_->Add("a", {kGib, 6 * kGib});
  residency_->Add("b", {kGib, 4 * kGib});
  residency_->Add("host", {50 * kGib, 0});
  residency_->Add("huge", {kGib, 9 * kGib});
  Rest("a");
  Rest("host");                     // needs nothing of it
  EXPECT_EQ(Want("b"), "yield a");  // and not "host", whose memory would not help
  EXPECT_EQ(Want("huge"), "refuse huge");
  EXPECT_NE(refusal_.message.find("9.0 GiB of graphics memory"), std::string::npos)
      << refusal_.message;
}

TEST_F(ResidencyTest, WithoutABudgetEverybodyStarts) {
  Rebuild(0);
  Add("a", 1'000);
  Add("b", 1'000);
  EXPECT_EQ(Want("a"), "start a");
  EXPECT_EQ(Want("b"), "start b");
  EXPECT_EQ(residency_->wake_at(), std::nullopt);
}

TEST_F(ResidencyTest, ModelsThatFitLoadBesideEachOther) {
  Add("a", 6);
  Add("b", 4);
  Serve("a");
  EXPECT_EQ(Want("b"), "start b");
  EXPECT_EQ(Loading("b"), "");
  EXPECT_EQ(Ready("b"), "");
}

TEST_F(ResidencyTest, AStartHoldsItsMemoryBeforeItsProcessIsThere) {
  Add("a", 6);
  Add("b", 6);
  EXPECT_EQ(Want("a"), "start a");
  EXPECT_EQ(Want("b"), "");
  EXPECT_EQ(Want("a"), "");  // told again, and started only once
}

TEST_F(ResidencyTest, AModelThatCanNeverFitIsRefusedWithTheNumbers) {
  Add("huge", 11);
  EXPECT_TRUE(residency_->Impossible("huge").has_value());
  EXPECT_EQ(Want("huge"), "refuse huge");
  EXPECT_EQ(refusal_.reason, "engine_memory");
  EXPECT_EQ(refusal_.code, ErrorCode::kUnavailable);
  EXPECT_NE(refusal_.message.find("\"huge\" needs 11.0 GiB"), std::string::npos)
      << refusal_.message;
  EXPECT_NE(refusal_.message.find("10.0 GiB"), std::string::npos) << refusal_.message;
}

TEST_F(ResidencyTest, AModelThatPinnedOnesKeepOutIsRefusedAndNotLeftToWaitForEver) {
  Add("pinned", 6);
  Add("b", 6);
  Rest("pinned");
  EXPECT_EQ(Take(residency_->Pin(now_, "pinned", true)), "");
  EXPECT_EQ(Want("b"), "refuse b");
  EXPECT_NE(refusal_.message.find("pinned ones hold 6.0 GiB"), std::string::npos)
      << refusal_.message;
  Gone("b");
  EXPECT_EQ(Take(residency_->Pin(now_, "pinned", false)), "");
  EXPECT_EQ(residency_->Impossible("b"), std::nullopt);
  EXPECT_EQ(Want("b"), "yield pinned");
}

TEST_F(ResidencyTest, PinningAfterwardsRefusesTheOneWhoWaits) {
  Add("a", 6);
  Add("b", 6);
  Serve("a");
  EXPECT_EQ(Want("b"), "");
  EXPECT_EQ(Take(residency_->Pin(now_, "a", true)), "refuse b");
}

TEST_F(ResidencyTest, RoomIsMadeForAPinnedModelThoughNobodyWaits) {
  Add("a", 6);
  Add("pinned", 6);
  Rest("a");
  EXPECT_EQ(Want("pinned", 0), "");
  EXPECT_EQ(Take(residency_->Pin(now_, "pinned", true)), "yield a");
  Leave("a");
  EXPECT_EQ(Gone("a"), "start pinned");
}

TEST_F(ResidencyTest, APinnedModelWaitsForTheTurnOfABusyOneAndKeepsItsPlace) {
  Add("busy", 6);
  Add("pinned", 6);
  Add("late", 6);
  Serve("busy");
  residency_->Pin(now_, "pinned", true);
  EXPECT_EQ(Want("pinned", 0), "");
  EXPECT_EQ(Want("late"), "");
  now_ += kSecond;
  EXPECT_EQ(Want("pinned", 1), "") << "somebody waits now, too";
  EXPECT_EQ(Wake(), "yield busy");
  Leave("busy");
  EXPECT_EQ(Gone("busy"), "start pinned");
  EXPECT_EQ(Loading("pinned"), "refuse late");
}

TEST_F(ResidencyTest, OfPinnedModelsThatDoNotFitTogetherOneWaitsUntilItCan) {
  Add("first", 6);
  Add("second", 6);
  residency_->Pin(now_, "first", true);
  ASSERT_TRUE(residency_->PinError("second").has_value()) << "though the first is not loaded";
  EXPECT_NE(residency_->PinError("second")->message.find("pinned ones hold 6.0 GiB"),
            std::string::npos);
  EXPECT_EQ(residency_->PinError("first"), std::nullopt);
  residency_->Pin(now_, "second", true);
  EXPECT_EQ(Want("first", 0), "start first");
  Loading("first");
  Ready("first", 0);
  EXPECT_EQ(Want("second", 0), "refuse second");
  EXPECT_EQ(Gone("second"), "") << "not again and again";
  EXPECT_EQ(Take(residency_->Pin(now_, "first", false)), "preload second");
  EXPECT_EQ(Want("second", 0), "");
  EXPECT_EQ(Wake(), "yield first");
}

TEST_F(ResidencyTest, GibibytesAreRoundedUp) {
  EXPECT_EQ(GibibytesText(0), "0.0 GiB");
  EXPECT_EQ(GibibytesText(1), "0.1 GiB");
  EXPECT_EQ(GibibytesText(kGib * 3 / 2), "1.5 GiB");
  EXPECT_EQ(GibibytesText(UINT64_MAX), "17179869184.0 GiB");
}

// --- victims ---

TEST_F(ResidencyTest, AnIdleModelMakesRoomAndTheOtherStartsWhenItIsGone) {
  Add("a", 6);
  Add("b", 6);
  Rest("a");
  EXPECT_EQ(Want("b"), "yield a");
  EXPECT_EQ(Tell("b"), "");  // said once
  EXPECT_EQ(Leave("a"), "");
  EXPECT_EQ(Gone("a"), "start b");
}

TEST_F(ResidencyTest, TheOneThatIsCheapestToLoadAgainGoes) {
  Add("quick", 3, kSecond);
  Add("slow", 3, 20 * kSecond);
  Add("c", 6);
  Rest("quick");
  Rest("slow");
  EXPECT_EQ(Want("c"), "yield quick");
}

TEST_F(ResidencyTest, OfEquallyCostlyOnesTheLessUsedGoes) {
  Add("seldom", 3);
  Add("often", 3);
  Add("c", 6);
  Rest("seldom");
  Rest("often");
  for (int i = 0; i < 5; ++i) {
    Use("often");
    Idle("often");
  }
  now_ += kSecond;
  EXPECT_EQ(Want("c"), "yield seldom");
}

TEST_F(ResidencyTest, UseLongAgoCountsLess) {
  Add("before", 3);
  Add("now", 3);
  Add("c", 6);
  Rest("before");
  Use("before");
  Idle("before");
  now_ += 3 * kUseHalfLifeNanos;
  Rest("now");
  EXPECT_EQ(Want("c"), "yield before");
}

TEST_F(ResidencyTest, OfTheSameValueTheLargerOneGoes) {
  Add("large", 6);
  Add("small", 2);
  Add("c", 3);
  Rest("large");
  Rest("small");
  EXPECT_EQ(Want("c"), "yield large");
}

TEST_F(ResidencyTest, SeveralGoWhenOneIsNotEnough) {
  Add("a", 3);
  Add("b", 3);
  Add("c", 3);
  Add("d", 7);
  Rest("a");
  Rest("b");
  Rest("c");
  EXPECT_EQ(Want("d"), "yield a, yield b");  // 1 is free
  EXPECT_EQ(Leave("a"), "");
  EXPECT_EQ(Gone("a"), "");
  EXPECT_EQ(Leave("b"), "");
  EXPECT_EQ(Gone("b"), "start d");
}

TEST_F(ResidencyTest, NobodyGoesWhomTheOthersMakeNeedless) {
  Add("cheap", 2, kSecond);
  Add("dear", 8, 30 * kSecond);
  Add("c", 8);
  Rest("cheap");
  Rest("dear");
  EXPECT_EQ(Want("c"), "yield dear");  // `cheap` alone would not do, and beside it is in vain
}

TEST_F(ResidencyTest, ABusyALoadingAndAPinnedModelStay) {
  Add("busy", 3);
  Add("loading", 3);
  Add("pinned", 3);
  Add("d", 2);
  Serve("busy");
  Rest("pinned");
  residency_->Pin(now_, "pinned", true);
  EXPECT_EQ(Want("loading"), "start loading");
  Loading("loading");
  EXPECT_EQ(Want("d"), "");
  EXPECT_EQ(Idle("busy"), "");  // not at once: see linger
  EXPECT_EQ(Wake(), "yield busy");
}

TEST_F(ResidencyTest, AnIdleOneGoesBeforeABusyOneWhoseTurnIsOver) {
  Add("busy", 5, kSecond);
  Add("idle", 5, 30 * kSecond);
  Add("c", 5);
  Add("d", 5);
  Serve("busy");
  Serve("idle");
  EXPECT_EQ(Want("c"), "");
  now_ += 3 * kSecond;
  EXPECT_EQ(Idle("idle"), "");
  EXPECT_EQ(Wake(), "yield idle");
}

// --- turns ---

TEST_F(ResidencyTest, ABusyModelServesOnForItsQuantumAndThenDrains) {
  Add("a", 6, 2 * kSecond);
  Add("b", 6);
  Serve("a");
  now_ += 100 * kSecond;
  EXPECT_EQ(Want("b"), "");
  const std::int64_t since = now_;
  EXPECT_EQ(Use("a"), "");  // it goes on serving meanwhile
  EXPECT_EQ(Wake(), "yield a");
  EXPECT_EQ(now_ - since, 2 * kSecond * limits_.quantum_loads);
  uses_["a"].users = 1;
  EXPECT_EQ(Tell("a"), "");  // drains
  uses_["a"].waiting = 3;    // its own gather
  EXPECT_EQ(Tell("a"), "");
  EXPECT_EQ(Leave("a"), "");
  EXPECT_EQ(Want("a", 3), "start b");
  // And the other way round: b has its turn, then a comes back.
  Loading("b");
  now_ += kSecond;
  EXPECT_EQ(Ready("b"), "");
  EXPECT_EQ(Wake(), "yield b");
  EXPECT_EQ(Leave("b"), "");
  EXPECT_EQ(Gone("b"), "start a");
}

TEST_F(ResidencyTest, TheQuantumHasBounds) {
  for (const auto& [load, quantum] : {std::pair{kMs, limits_.quantum_nanos_min},
                                      std::pair{1'000 * kSecond, limits_.quantum_nanos_max}}) {
    Rebuild(10 * kGib);
    Add("a", 6, load);
    Add("b", 6);
    Serve("a");
    EXPECT_EQ(Want("b"), "");
    EXPECT_EQ(*residency_->wake_at() - now_, quantum);
  }
}

TEST_F(ResidencyTest, TheQuantumOfAModelThatLoadedWhileAnotherWaitedBeginsWhenItServes) {
  Add("a", 6);
  Add("b", 6);
  EXPECT_EQ(Want("a"), "start a");
  Loading("a");
  EXPECT_EQ(Want("b"), "");
  // Nothing can be done while it loads, but to tell b in the end.
  EXPECT_EQ(residency_->wake_at(), now_ + limits_.wait_nanos_max);
  now_ += 30 * kSecond;
  EXPECT_EQ(Ready("a"), "");
  EXPECT_EQ(*residency_->wake_at() - now_, 4 * kSecond);
}

TEST_F(ResidencyTest, AClosedLoopClientIsNotTakenForIdle) {
  Add("a", 6);
  Add("b", 6);
  Serve("a");
  EXPECT_EQ(Want("b"), "");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Idle("a"), "");
    now_ += limits_.linger_nanos / 2;  // reads its answer, asks again
    EXPECT_EQ(Take(residency_->OnTimer(now_)), "");
    EXPECT_EQ(Use("a"), "");
    now_ += kMs;
  }
  EXPECT_EQ(Idle("a"), "");
  const std::int64_t since = now_;
  EXPECT_EQ(Wake(), "yield a");
  EXPECT_EQ(now_ - since, limits_.linger_nanos);
}

TEST_F(ResidencyTest, ModelsOfWhichOneWasGivenUpGoOn) {
  Add("a", 6);
  Add("b", 6);
  Serve("a");
  Want("b");
  EXPECT_EQ(Wake(), "yield a");
  EXPECT_EQ(Gone("b"), "resume a");  // its callers went away
  EXPECT_EQ(residency_->wake_at(), std::nullopt);
}

TEST_F(ResidencyTest, ADrainThatIsNoLongerNeededEnds) {
  Add("a", 5);
  Add("b", 5);
  Add("c", 5);
  Serve("a");
  Serve("b");
  Want("c");
  EXPECT_EQ(Wake(), "yield a");
  EXPECT_EQ(Leave("b"), "resume a");  // that one was stopped by hand
  EXPECT_EQ(Gone("b"), "start c");
}

TEST_F(ResidencyTest, MemoryThatIsOnItsWayOutIsCountedOnce) {
  Add("a", 6);
  Add("b", 4);
  Add("c", 6);
  Rest("a");
  Rest("b");
  EXPECT_EQ(Leave("a"), "");  // its idle time was over
  EXPECT_EQ(Want("c"), "");   // what leaves is enough: b stays
  EXPECT_EQ(Gone("a"), "start c");
}

// --- who waits ---

TEST_F(ResidencyTest, TheOneThatHasWaitedLongestIsNext) {
  Add("a", 10);
  Add("b", 10);
  Add("c", 10);
  Serve("a");
  EXPECT_EQ(Want("c"), "");
  EXPECT_EQ(Want("b"), "");
  EXPECT_EQ(Idle("a"), "");
  EXPECT_EQ(Wake(), "yield a");
  EXPECT_EQ(Leave("a"), "");
  EXPECT_EQ(Gone("a"), "start c");
}

TEST_F(ResidencyTest, ASmallModelThatFitsStartsWhileALargeOneWaits) {
  Add("a", 6);
  Add("large", 8);
  Add("small", 2);
  Serve("a");
  EXPECT_EQ(Want("large"), "");
  EXPECT_EQ(Want("small"), "start small");
}

TEST_F(ResidencyTest, OvertakingIsBounded) {
  Add("a", 6);
  Add("large", 8);
  Serve("a");
  EXPECT_EQ(Want("large"), "");
  int overtook = 0;
  for (int i = 0; i < 10; ++i) {  // small ones come and go and never leave room for the large one
    const std::string small = "small" + std::to_string(i);
    Add(small, 1);
    if (Want(small) == "start " + small) {
      ++overtook;
      Loading(small);
      Ready(small);
      Leave(small);
    }
    Gone(small);
  }
  EXPECT_EQ(overtook, limits_.overtaking_max);
  EXPECT_EQ(Wake(), "yield a");
}

TEST_F(ResidencyTest, RoomThatIsBeingMadeIsNotGivenToOthers) {
  Rebuild(11 * kGib);
  Add("a", 6);
  Add("b", 2);
  Add("large", 8);
  Add("small", 2);
  Add("tiny", 1);
  Rest("a");
  Serve("b");                             // 3 are free
  EXPECT_EQ(Want("large"), "yield a");    // leaves 1 beside it
  EXPECT_EQ(Want("small"), "");           // would take of that
  EXPECT_EQ(Want("tiny"), "start tiny");  // fits into what is left
  EXPECT_EQ(Leave("a"), "");
  EXPECT_EQ(Gone("a"), "start large");
}

TEST_F(ResidencyTest, OneThatNobodyWaitsForTakesNothingFromAnybody) {
  Add("a", 6);
  Add("crashed", 6);
  Rest("a");
  EXPECT_EQ(Want("crashed", 0), "");  // would be restarted, but a is there
  EXPECT_EQ(residency_->wake_at(), std::nullopt);
  EXPECT_EQ(Want("crashed", 1), "yield a");  // now it is asked for
}

TEST_F(ResidencyTest, OneThatNobodyWaitsForStartsWhenThereIsRoom) {
  Add("a", 6);
  Add("crashed", 6);
  Rest("a");
  EXPECT_EQ(Want("crashed", 0), "");
  Leave("a");
  EXPECT_EQ(Gone("a"), "start crashed");
}

TEST_F(ResidencyTest, ACrashGivesItsMemoryToTheOneThatWaits) {
  Add("a", 6);
  Add("b", 6);
  Serve("a");
  EXPECT_EQ(Want("b"), "");
  EXPECT_EQ(Gone("a"), "start b");
}

TEST_F(ResidencyTest, AnotherSizeCountsFromTheNextStartOn) {
  Add("a", 2);
  Add("b", 6);
  Serve("a");
  Add("a", 8);
  EXPECT_EQ(Want("b"), "start b");  // the process that runs is still the small one
  Loading("b");
  Ready("b");
  Leave("a");
  EXPECT_EQ(Want("a"), "");
}

TEST_F(ResidencyTest, AModelThatIsRemovedGivesBackItsMemory) {
  Add("a", 6);
  Add("b", 6);
  Serve("a");
  Want("b");
  EXPECT_EQ(Take(residency_->Remove(now_, "a")), "start b");
  EXPECT_EQ(Take(residency_->Update(now_, "a", {})), "");
}

// --- preloading ---

TEST_F(ResidencyTest, WhatWasSentAwayComesBackAfterAPauseTheMostUsedFirst) {
  Rebuild(10 * kGib, 8 * kGib);
  Add("often", 4);
  Add("seldom", 4);
  Add("guest", 9);
  Rest("seldom");
  Rest("often");
  Use("often");
  Idle("often");
  now_ += kSecond;
  EXPECT_EQ(Want("guest"), "yield seldom, yield often");
  Leave("seldom");
  Gone("seldom");
  Leave("often");
  EXPECT_EQ(Gone("often"), "start guest");
  Loading("guest");
  Ready("guest");
  Idle("guest");
  now_ += kSecond;
  Leave("guest");
  EXPECT_EQ(Gone("guest"), "");
  const std::int64_t since = now_;
  EXPECT_EQ(Wake(), "preload often");
  EXPECT_EQ(now_ - since, limits_.preload_pause_nanos);
  EXPECT_EQ(Want("often", 0), "start often");
  Loading("often");
  Ready("often", 0);
  EXPECT_EQ(Wake(), "preload seldom");
  EXPECT_EQ(Want("seldom", 0), "start seldom");
  Loading("seldom");
  Ready("seldom", 0);
  EXPECT_EQ(Wake(), "");
  EXPECT_EQ(Wake(), "never");
}

TEST_F(ResidencyTest, WhatIsKnownFromBeforeIsPreloadedWithinItsBudget) {
  Rebuild(10 * kGib, 5 * kGib);
  Add("large", 6);
  Add("fits", 5);
  Add("unused", 1);
  residency_->SeedUses(now_, "large", 100);
  residency_->SeedUses(now_, "fits", 2);
  EXPECT_EQ(Wake(), "preload fits");
}

TEST_F(ResidencyTest, WhatWasStoppedForLackOfUseStaysAway) {
  Rebuild(10 * kGib, 10 * kGib);
  Add("a", 4);
  Rest("a");
  Leave("a");
  EXPECT_EQ(Gone("a"), "");
  EXPECT_EQ(Wake(), "");
  EXPECT_EQ(Wake(), "never");
}

TEST_F(ResidencyTest, APreloadThatFailsIsNotTriedAgain) {
  Rebuild(10 * kGib, 10 * kGib);
  Add("a", 4);
  residency_->SeedUses(now_, "a", 2);
  EXPECT_EQ(Wake(), "preload a");
  EXPECT_EQ(Want("a", 0), "start a");
  Loading("a");
  EXPECT_EQ(Gone("a"), "");
  EXPECT_EQ(Wake(), "");
  EXPECT_EQ(Wake(), "never");
}

// --- what to expect ---

TEST_F(ResidencyTest, SaysHowLongMemoryIsLikelyToTake) {
  Add("a", 6, 2 * kSecond);
  Add("b", 6, kSecond);
  Add("c", 6, kSecond);
  EXPECT_EQ(residency_->ExpectedWait(now_, "a"), 0);
  Serve("a");
  EXPECT_EQ(residency_->ExpectedWait(now_, "a"), 0);
  EXPECT_EQ(residency_->ExpectedWait(now_, "b"), 8 * kSecond);  // a's quantum
  Want("b");
  now_ += 3 * kSecond;
  EXPECT_EQ(residency_->ExpectedWait(now_, "b"), 5 * kSecond);
  EXPECT_GT(residency_->ExpectedWait(now_, "c"), residency_->ExpectedWait(now_, "b"));
  EXPECT_EQ(residency_->WaitBound(now_, "a"), 0);
  EXPECT_EQ(residency_->WaitBound(now_, "b"), limits_.wait_nanos_max - 3 * kSecond);
  EXPECT_EQ(residency_->WaitBound(now_, "c"), limits_.wait_nanos_max);
  EXPECT_EQ(residency_->ExpectedWait(now_, "unknown"), 0);
  limits_.wait_nanos_max = 0;
  Rebuild(10 * kGib);
  Add("a", 6);
  EXPECT_EQ(residency_->WaitBound(now_, "a"), std::nullopt);
}

// --- waits that are over ---

TEST_F(ResidencyTest, WhoWaitedTooLongIsToldWhoHoldsTheMemoryAndSinceWhen) {
  Add("long", 6);
  Add("b", 6);
  Serve("long");
  now_ += 100 * kSecond;
  EXPECT_EQ(Want("b"), "");
  const std::int64_t since = now_;
  EXPECT_EQ(Wake(), "yield long");  // and its answer goes on and on
  EXPECT_EQ(residency_->HeldBy(now_, "b"), "\"long\" holds 6.0 GiB for 104 s, answering 1");
  EXPECT_EQ(residency_->HeldBy(now_, "unknown"), "");
  EXPECT_EQ(Wake(), "expire b");
  EXPECT_EQ(now_ - since, limits_.wait_nanos_max);
  EXPECT_EQ(expired_since_, since);
  EXPECT_EQ(refusal_.code, ErrorCode::kUnavailable);
  EXPECT_EQ(refusal_.reason, "engine_memory_busy");
  EXPECT_GT(refusal_.retry_after_s, 0);
  EXPECT_NE(refusal_.message.find("waited 300 s (engine.wait_max_s) for 6.0 GiB of memory for "
                                  "local model \"b\": \"long\" holds 6.0 GiB for 400 s"),
            std::string::npos)
      << refusal_.message;
}

TEST_F(ResidencyTest, OneThatIsToComeAgainKeepsItsPlaceForAWhile) {
  Add("long", 6);
  Add("b", 6);
  Add("late", 6);
  Serve("long");
  Want("b");
  Wake();
  EXPECT_EQ(Wake(), "expire b");
  EXPECT_EQ(Want("b", 0), "") << "long gets no new requests";
  EXPECT_EQ(Want("late"), "");
  now_ += refusal_.retry_after_s * kSecond;
  EXPECT_EQ(Want("b", 1), "") << "it came again";
  EXPECT_EQ(Leave("long"), "");
  EXPECT_EQ(Gone("long"), "start b") << "before the other";
}

TEST_F(ResidencyTest, OneThatDoesNotComeAgainGivesItsPlaceUp) {
  Add("long", 6);
  Add("b", 6);
  Serve("long");
  Want("b");
  Wake();
  EXPECT_EQ(Wake(), "expire b");
  EXPECT_EQ(Want("b", 0), "");
  EXPECT_EQ(Wake(), "resume long");
  EXPECT_EQ(residency_->wake_at(), std::nullopt);
}

TEST_F(ResidencyTest, ThoseWhoAskAModelThatMakesRoomDoNotWaitLongerEither) {
  Add("long", 6);
  Add("b", 6);
  Serve("long");
  Want("b");
  Wake();
  uses_["long"].waiting = 1;
  EXPECT_EQ(Tell("long"), "");
  EXPECT_EQ(residency_->HeldBy(now_, "long"), "it ends first, and answers 1 until then");
  EXPECT_EQ(residency_->WaitBound(now_, "long"), limits_.wait_nanos_max);
  EXPECT_EQ(Wake(), "expire b");
  EXPECT_EQ(Want("b", 0), "");
  EXPECT_EQ(Wake(), "expire long") << "b keeps its place";
}

TEST_F(ResidencyTest, YoungerRequestsWaitOn) {
  Add("long", 6);
  Add("b", 6);
  Serve("long");
  Want("b", 2);
  const std::int64_t first = now_;
  Wake();
  EXPECT_EQ(Wake(), "expire b");
  EXPECT_EQ(expired_since_, first);
  uses_["b"].waiting_since = first + 7 * kSecond;  // of the second
  EXPECT_EQ(Want("b", 1), "");
  EXPECT_EQ(Wake(), "expire b");
  EXPECT_EQ(now_ - first, limits_.wait_nanos_max + 7 * kSecond);
}

}  // namespace
}  // namespace tidegate::engine
