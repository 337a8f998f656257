#include <set>

#include <gtest/gtest.h>

#include "core/capability.h"
#include "core/decision.h"
#include "core/place.h"

namespace tidegate::core {
namespace {

TEST(PlaceTest, TheLabelLocalAllowsTheDeviceAlone) {
  EXPECT_EQ(PlacesFor(Privacy::kLocal), PlaceSet::Of(Place::kDevice));
  EXPECT_FALSE(PlacesFor(Privacy::kAttested).Has(Place::kCloud));
  EXPECT_FALSE(PlacesFor(Privacy::kAttested).Has(Place::kEdge));
  EXPECT_EQ(PlacesFor(Privacy::kOpen), PlaceSet::All());
}

TEST(PlaceTest, AHigherLabelNeverAllowsMorePlaces) {
  for (int i = 1; i <= static_cast<int>(Privacy::kLocal); ++i) {
    const PlaceSet lower = PlacesFor(static_cast<Privacy>(i - 1));
    const PlaceSet higher = PlacesFor(static_cast<Privacy>(i));
    EXPECT_EQ(higher.Intersect(lower), higher);
  }
}

TEST(NamesTest, EveryWordIsReadBackAndUnique) {
  std::set<std::string_view> words;
  for (int i = 0; i < kCapabilities; ++i) {
    const auto capability = static_cast<Capability>(i);
    EXPECT_TRUE(words.insert(ToString(capability)).second);
    EXPECT_EQ(ParseCapability(ToString(capability)), capability);
  }
  for (int i = 0; i < kPlaces; ++i) {
    EXPECT_EQ(ParsePlace(ToString(static_cast<Place>(i))), static_cast<Place>(i));
  }
  for (const Privacy privacy :
       {Privacy::kOpen, Privacy::kMasked, Privacy::kAttested, Privacy::kLocal}) {
    EXPECT_EQ(ParsePrivacy(ToString(privacy)), privacy);
  }
  std::set<std::string_view> reasons;
  for (int i = 0; i <= static_cast<int>(RejectReason::kKeyPlace); ++i) {
    EXPECT_TRUE(reasons.insert(ToString(static_cast<RejectReason>(i))).second);
  }
  EXPECT_FALSE(ParsePlace("Cloud").has_value());
}

TEST(CapabilityTest, MissingIsWhatIsNeededAndNotThere) {
  const CapabilitySet has = CapabilitySet().With(Capability::kTools).With(Capability::kSeed);
  const CapabilitySet needs = CapabilitySet().With(Capability::kTools).With(Capability::kVision);
  EXPECT_FALSE(has.Contains(needs));
  EXPECT_EQ(Join(has.Missing(needs)), "vision");
  EXPECT_TRUE(has.Contains(CapabilitySet()));
}

TEST(DecisionTest, WhatLeftIsTheMostOfWhatWasSent) {
  DecisionRecord record;
  EXPECT_EQ(record.Left(), Egress::kNone);
  AttemptRecord unsent;
  unsent.egress = Egress::kRaw;
  record.attempts.push_back(unsent);
  EXPECT_EQ(record.Left(), Egress::kNone) << "an attempt that was not sent let nothing out";
  AttemptRecord failed = unsent;
  failed.outcome = AttemptOutcome::kFailed;
  failed.cost = Money{5};
  record.attempts.push_back(failed);
  EXPECT_EQ(record.Left(), Egress::kRaw);
  EXPECT_EQ(record.Cost(), Money{5});
  EXPECT_EQ(record.Answered(), nullptr);
}

}  // namespace
}  // namespace tidegate::core
