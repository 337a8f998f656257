#include "policy/principal.h"

#include <gtest/gtest.h>

namespace tidegate::policy {
namespace {

Principal WithKey(std::string name, std::string_view key) {
  Principal principal;
  principal.name = std::move(name);
  principal.key_sha256 = ComputeSha256(key);
  return principal;
}

Keyring TwoKeys() {
  return *Keyring::Make({WithKey("laptop", "sk-one"), WithKey("server", "sk-two")});
}

TEST(Keyring, KnowsEachKeyByItsDigest) {
  const Keyring keyring = TwoKeys();
  EXPECT_EQ((*keyring.Authenticate("sk-one", true))->name, "laptop");
  EXPECT_EQ((*keyring.Authenticate("sk-two", false))->name, "server");
}

TEST(Keyring, RefusesAWrongKeyAndAMissingOneEvenFromThisMachine) {
  const Keyring keyring = TwoKeys();
  for (const std::string_view key : {"", "sk-on", "sk-one ", "SK-ONE"}) {
    const Result<const Principal*> principal = keyring.Authenticate(key, true);
    ASSERT_FALSE(principal.ok()) << key;
    EXPECT_EQ(principal.error().code, ErrorCode::kUnauthenticated);
  }
}

TEST(Keyring, NeverRepeatsThePresentedKeyInItsError) {
  EXPECT_EQ(Describe(TwoKeys().Authenticate("sk-secret-guess", true).error()).find("guess"),
            std::string::npos);
}

TEST(Keyring, WithoutKeysServesThisMachineOnly) {
  const Keyring keyring;
  EXPECT_TRUE(keyring.empty());
  EXPECT_EQ((*keyring.Authenticate("", true))->name, "local");
  EXPECT_EQ((*keyring.Authenticate("anything", true))->name, "local");
  const Result<const Principal*> remote = keyring.Authenticate("", false);
  ASSERT_FALSE(remote.ok());
  EXPECT_NE(remote.error().message.find("[keys."), std::string::npos);
}

TEST(Keyring, RefusesTwoKeysOfOneNameOrOneDigest) {
  EXPECT_EQ(Keyring::Make({WithKey("a", "1"), WithKey("a", "2")}).error().field, "keys.a");
  EXPECT_EQ(Keyring::Make({WithKey("a", "1"), WithKey("b", "1")}).error().field, "keys.b.sha256");
  EXPECT_FALSE(Keyring::Make(std::vector<Principal>(kKeysMax + 1)).ok());
}

Principal ThatSigns(std::string name, std::string id, std::string secret) {
  Principal principal;
  principal.name = std::move(name);
  principal.aws_access_key_id = std::move(id);
  principal.aws_secret_access_key = Secret(std::move(secret));
  return principal;
}

TEST(Keyring, FindsWhoSignsByTheIdAndNobodyElse) {
  const Keyring keyring = *Keyring::Make({WithKey("a", "1"), ThatSigns("b", "AKIA1", "s")});
  EXPECT_TRUE(keyring.has_aws_keys());
  EXPECT_EQ(keyring.FindAwsKey("AKIA1")->name, "b");
  EXPECT_EQ(keyring.FindAwsKey("AKIA2"), nullptr);
  EXPECT_EQ(keyring.FindAwsKey(""), nullptr) << "a principal without an id is not found by none";
  EXPECT_FALSE(TwoKeys().has_aws_keys());
}

TEST(Keyring, NeitherTheIdNorTheSecretOfWhoSignsIsAKey) {
  const Keyring keyring = *Keyring::Make({ThatSigns("b", "AKIA1", "s")});
  for (const std::string_view key : {"", "s", "AKIA1"}) {
    EXPECT_FALSE(keyring.Authenticate(key, true).ok()) << key;
  }
}

TEST(Keyring, RefusesWhoSignsWithoutASecretOrUnderTheIdOfAnother) {
  EXPECT_EQ(Keyring::Make({ThatSigns("a", "AKIA1", "")}).error().field, "keys.a");
  EXPECT_EQ(Keyring::Make({ThatSigns("a", "", "s")}).error().field, "keys.a");
  EXPECT_EQ(Keyring::Make({ThatSigns("a", "", "")}).error().field, "keys.a");
  EXPECT_EQ(Keyring::Make({ThatSigns("a", "X", "1"), ThatSigns("b", "X", "2")}).error().field,
            "keys.b.aws_access_key_id");
}

}  // namespace
}  // namespace tidegate::policy
