#include "models/digest.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::models {
namespace {

const std::string kHex(64, 'a');

TEST(Digest, IsReadInBothSpellingsAndWrittenInOne) {
  EXPECT_EQ(Digest::Parse("sha256:" + kHex, "d")->ToString(), "sha256:" + kHex);
  EXPECT_EQ(Digest::Parse("sha256-" + kHex, "d")->ToString(), "sha256:" + kHex);
  EXPECT_EQ(Digest::Parse("sha256:" + std::string(64, 'A'), "d")->Hex(), kHex);
  EXPECT_EQ(Digest::Parse("sha256:" + kHex, "d")->Short(), "aaaaaaaaaaaa");
}

TEST(Digest, RefusesWhateverIsNotExactlyThat) {
  for (const std::string& text :
       {std::string(), std::string("sha256:"), kHex, "sha256:" + kHex + "a",
        "sha256:" + kHex.substr(1), "sha256/" + kHex, "sha512:" + kHex, "SHA256:" + kHex,
        "sha256:" + kHex.substr(3) + "../", "sha256:" + kHex.substr(1) + "g",
        "sha256:" + kHex + std::string(1, '\0'), " sha256:" + kHex}) {
    const Result<Digest> digest = Digest::Parse(text, "layers[0].digest");
    ASSERT_FALSE(digest.ok()) << text;
    EXPECT_EQ(digest.error().field, "layers[0].digest");
  }
}

}  // namespace
}  // namespace tidegate::models
