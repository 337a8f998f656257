#include "protocols/aws_sigv4/signing_keys.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/aws_sigv4/limits.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

TEST(AwsSigv4SigningKeys, OneIsKeptForEachSecretDayRegionAndService) {
  SigningKeys keys;
  const Secret secret("secret");
  const std::string first = keys.Sign(secret, "20150830", "r", "s", "text");
  EXPECT_EQ(keys.Sign(secret, "20150830", "r", "s", "text"), first);
  EXPECT_EQ(keys.size(), 1U);
  EXPECT_NE(keys.Sign(Secret("other"), "20150830", "r", "s", "text"), first);
  EXPECT_NE(keys.Sign(secret, "20150831", "r", "s", "text"), first);
  EXPECT_NE(keys.Sign(secret, "20150830", "q", "s", "text"), first);
  EXPECT_NE(keys.Sign(secret, "20150830", "r", "t", "text"), first);
  EXPECT_EQ(keys.size(), 5U);
}

TEST(AwsSigv4SigningKeys, TheOldestGivesWayAndNothingIsMixedUp) {
  SigningKeys keys;
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < 2 * kSigningKeysMax + 3; ++i) {
    SigningKeys fresh;
    const Secret secret("secret " + std::to_string(i));
    expected.push_back(fresh.Sign(secret, "20150830", "r", "s", "text"));
    EXPECT_EQ(keys.Sign(secret, "20150830", "r", "s", "text"), expected.back());
  }
  EXPECT_EQ(keys.size(), kSigningKeysMax);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(keys.Sign(Secret("secret " + std::to_string(i)), "20150830", "r", "s", "text"),
              expected[i]);
  }
}

}  // namespace
}  // namespace tidegate::protocols::aws_sigv4
