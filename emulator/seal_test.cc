#include "emulator/seal.h"

#include <gtest/gtest.h>

namespace tidegate::emulator {
namespace {

TEST(Seal, OpensOnlyForWhatItWasMadeFor) {
  const std::string_view parts[] = {"one", "two"};
  const std::string seal = MakeSeal("kind", parts, "payload");
  EXPECT_EQ(OpenSeal("kind", parts, seal), "payload");
  EXPECT_EQ(OpenSeal("other", parts, seal), std::nullopt);
  const std::string_view shifted[] = {"onet", "wo"};
  EXPECT_EQ(OpenSeal("kind", shifted, seal), std::nullopt);
}

TEST(Seal, AnAlteredOneOpensForNothing) {
  const std::string_view parts[] = {"one"};
  const std::string seal = MakeSeal("kind", parts, "payload");
  for (std::size_t i = 0; i < seal.size(); ++i) {
    std::string altered = seal;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(OpenSeal("kind", parts, altered), std::nullopt) << i;
  }
  EXPECT_EQ(OpenSeal("kind", parts, ""), std::nullopt);
  EXPECT_EQ(OpenSeal("kind", parts, seal.substr(4)), std::nullopt);
}

}  // namespace
}  // namespace tidegate::emulator
