#include "privacy/label.h"

#include <gtest/gtest.h>

namespace tidegate::privacy {
namespace {

using core::Place;
using core::PlaceSet;
using core::Privacy;

core::Constraints WithPrivacy(Privacy privacy) {
  core::Constraints constraints;
  constraints.privacy = privacy;
  return constraints;
}

TEST(Label, WithoutAnyDemandIsOpenEverywhere) {
  const Label label = ComputeLabel({}, {});
  EXPECT_EQ(label.level, Privacy::kOpen);
  EXPECT_EQ(label.places, PlaceSet::All());
}

TEST(Label, FindingsRaiseWhatTheCallerAskedFor) {
  const Label label = ComputeLabel(WithPrivacy(Privacy::kOpen), Findings{Privacy::kLocal});
  EXPECT_EQ(label.level, Privacy::kLocal);
  EXPECT_EQ(label.places, PlaceSet::Of(Place::kDevice));
}

TEST(Label, FindingsNeverLowerWhatTheCallerAskedFor) {
  EXPECT_EQ(ComputeLabel(WithPrivacy(Privacy::kAttested), Findings{Privacy::kOpen}).level,
            Privacy::kAttested);
}

TEST(Label, MaskedStaysOnTheDeviceWhileNothingCanMask) {
  EXPECT_EQ(ComputeLabel(WithPrivacy(Privacy::kMasked), {}).places, PlaceSet::Of(Place::kDevice));
}

TEST(Label, AttestedAllowsTheDeviceAndAttestedPlaces) {
  EXPECT_EQ(ComputeLabel(WithPrivacy(Privacy::kAttested), {}).places,
            PlaceSet::Of(Place::kDevice).With(Place::kAttested));
}

TEST(Label, OfNobodyAllowsTheDeviceOnly) {
  const Label label;
  EXPECT_EQ(label.level, Privacy::kLocal);
  EXPECT_EQ(label.places, PlaceSet::Of(Place::kDevice));
}

}  // namespace
}  // namespace tidegate::privacy
