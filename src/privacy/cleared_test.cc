#include "privacy/cleared.h"

#include <array>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

namespace tidegate::privacy {
namespace {

using core::Egress;
using core::Place;
using core::PlaceSet;
using core::Privacy;

constexpr std::array kPlaces = {Place::kDevice, Place::kEdge, Place::kAttested, Place::kCloud};

static_assert(!std::is_copy_constructible_v<Cleared> && !std::is_copy_assignable_v<Cleared>);
static_assert(!std::is_default_constructible_v<Cleared>);
static_assert(!std::is_constructible_v<Cleared, std::vector<std::string_view>, Place, Egress>);

Label LabelOf(Privacy privacy) {
  core::Constraints constraints;
  constraints.privacy = privacy;
  return ComputeLabel(constraints, {});
}

TEST(Clear, LetsAnOpenRequestGoAnywhereAndRecordsWhatLeft) {
  for (const Place place : kPlaces) {
    const Result<Cleared> cleared = Clear(LabelOf(Privacy::kOpen), place, {"ab", "cde"});
    ASSERT_TRUE(cleared.ok());
    EXPECT_EQ(cleared->egress(), place == Place::kDevice ? Egress::kNone : Egress::kRaw);
    EXPECT_EQ(cleared->place(), place);
    EXPECT_EQ(cleared->size(), 5U);
    ASSERT_EQ(cleared->pieces().size(), 2U);
    EXPECT_EQ(cleared->pieces()[1], "cde");
  }
}

TEST(Clear, NeverLetsALocalRequestOffTheDevice) {
  EXPECT_TRUE(Clear(LabelOf(Privacy::kLocal), Place::kDevice, {"x"}).ok());
  for (const Place place : {Place::kEdge, Place::kAttested, Place::kCloud}) {
    const Result<Cleared> cleared = Clear(LabelOf(Privacy::kLocal), place, {"x"});
    ASSERT_FALSE(cleared.ok());
    EXPECT_EQ(cleared.error().code, ErrorCode::kPermissionDenied);
    EXPECT_EQ(cleared.error().reason, "privacy_local");
  }
}

TEST(Clear, LetsAnAttestedRequestGoToAttestedPlacesOnly) {
  EXPECT_TRUE(Clear(LabelOf(Privacy::kAttested), Place::kAttested, {"x"}).ok());
  EXPECT_FALSE(Clear(LabelOf(Privacy::kAttested), Place::kEdge, {"x"}).ok());
  EXPECT_FALSE(Clear(LabelOf(Privacy::kAttested), Place::kCloud, {"x"}).ok());
}

TEST(Clear, KeepsAMaskedRequestOnTheDeviceAndSaysWhy) {
  EXPECT_TRUE(Clear(LabelOf(Privacy::kMasked), Place::kDevice, {"x"}).ok());
  const Result<Cleared> cleared = Clear(LabelOf(Privacy::kMasked), Place::kCloud, {"x"});
  ASSERT_FALSE(cleared.ok());
  EXPECT_EQ(cleared.error().reason, "privacy_masked");
  EXPECT_NE(cleared.error().message.find("cannot be masked yet"), std::string::npos);
}

TEST(Clear, RefusesWhatTheLevelForbidsEvenWhenTheLabelsPlacesAreWrong) {
  for (const Privacy level : {Privacy::kMasked, Privacy::kAttested, Privacy::kLocal}) {
    EXPECT_FALSE(Clear(Label{level, PlaceSet::All()}, Place::kCloud, {"x"}).ok());
  }
}

TEST(Clear, NeverRepeatsTheBytesInItsError) {
  const Result<Cleared> cleared =
      Clear(LabelOf(Privacy::kLocal), Place::kCloud, {"my secret prompt"});
  ASSERT_FALSE(cleared.ok());
  EXPECT_EQ(Describe(cleared.error()).find("secret"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::privacy
