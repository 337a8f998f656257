#include "base/seal.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate {
namespace {

const Secret& Key() {
  static const Secret key(std::string(kSealKeyBytes, 'k'));
  return key;
}

std::vector<std::string> Sealed(const std::vector<std::string>& pieces,
                                const std::string& context = "context") {
  Sealer sealer(Key(), context);
  std::vector<std::string> sealed;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    sealer.Seal(pieces[i], i + 1 == pieces.size(), sealed.emplace_back());
  }
  return sealed;
}

// What is in them, or "refused".
std::string Opened(const std::vector<std::string>& sealed, const Secret& key = Key(),
                   const std::string& context = "context") {
  Opener opener(key, context);
  std::string text;
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    const std::string before = text;
    if (opener.Open(sealed[i], i + 1 == sealed.size(), text).ok()) continue;
    EXPECT_EQ(text, before);
    EXPECT_FALSE(opener.Open(sealed[i], true, text).ok());  // nothing more after an error
    return "refused";
  }
  return text;
}

TEST(SealTest, WhatWasSealedIsOpened) {
  EXPECT_EQ(Opened(Sealed({"one ", "two ", "three"})), "one two three");
  EXPECT_EQ(Opened(Sealed({""})), "");
  EXPECT_EQ(Opened(Sealed({std::string(100'000, 'x'), ""})), std::string(100'000, 'x'));
  const std::vector<std::string> sealed = Sealed({"a secret text"});
  EXPECT_EQ(sealed[0].size(), 13 + kSealTagBytes);
  EXPECT_EQ(sealed[0].find("secret"), std::string::npos);
}

TEST(SealTest, EveryFlippedBitIsNoticed) {
  const std::vector<std::string> sealed = Sealed({"first", "second"});
  for (std::size_t piece = 0; piece < sealed.size(); ++piece) {
    for (std::size_t bit = 0; bit < 8 * sealed[piece].size(); ++bit) {
      std::vector<std::string> changed = sealed;
      changed[piece][bit / 8] = static_cast<char>(changed[piece][bit / 8] ^ (1 << (bit % 8)));
      EXPECT_EQ(Opened(changed), "refused") << piece << " " << bit;
    }
  }
}

TEST(SealTest, PiecesThatAreMissingRepeatedOrInAnotherOrderAreNoticed) {
  const std::vector<std::string> sealed = Sealed({"aa", "bb", "cc"});
  EXPECT_EQ(Opened({sealed[0], sealed[1]}), "refused");
  EXPECT_EQ(Opened({sealed[0], sealed[2]}), "refused");
  EXPECT_EQ(Opened({sealed[1], sealed[0], sealed[2]}), "refused");
  EXPECT_EQ(Opened({sealed[0], sealed[0], sealed[2]}), "refused");
  EXPECT_EQ(Opened({sealed[0], sealed[1], sealed[2], sealed[2]}), "refused");
  EXPECT_EQ(Opened({sealed[0], sealed[1], sealed[2].substr(0, sealed[2].size() - 1)}), "refused");
  EXPECT_EQ(Opened({std::string(kSealTagBytes - 1, 'x')}), "refused");
}

TEST(SealTest, AnotherKeyAndAnotherContextOpenNothing) {
  const std::vector<std::string> sealed = Sealed({"text"});
  EXPECT_EQ(Opened(sealed, Secret(std::string(kSealKeyBytes, 'l'))), "refused");
  EXPECT_EQ(Opened(sealed, Key(), "another"), "refused");
  EXPECT_EQ(Opened(sealed), "text");
}

TEST(SealTest, AKeyForEachPurpose) {
  const Secret one = DeriveKey(Key(), "one");
  EXPECT_EQ(one.Reveal().size(), kSealKeyBytes);
  EXPECT_EQ(one.Reveal(), DeriveKey(Key(), "one").Reveal());
  EXPECT_NE(one.Reveal(), DeriveKey(Key(), "two").Reveal());
  EXPECT_NE(one.Reveal(), Key().Reveal());
}

}  // namespace
}  // namespace tidegate
