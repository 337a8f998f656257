#include "protocols/cohere_chat/cited_text.h"

#include <string>

#include <gtest/gtest.h>

#include "protocols/cohere_chat/limits.h"

namespace tidegate::protocols::cohere_chat {
namespace {

TEST(CitedText, CharactersAndBytesAgreeWhateverTheirWidth) {
  CitedText text;
  std::string all;
  // 1, 2, 3 and 4 bytes, over several steps, in pieces that cut characters.
  for (int i = 0; i < 700; ++i) all += i % 7 == 0 ? "aé€😀" : "b½";
  for (std::size_t at = 0; at < all.size(); at += 13) text.Append(all.substr(at, 13));
  ASSERT_EQ(text.bytes(), static_cast<std::int64_t>(all.size()));
  std::int64_t character = 0;
  for (std::size_t byte = 0; byte < all.size(); ++byte) {
    if ((static_cast<unsigned char>(all[byte]) & 0xC0U) == 0x80U) continue;
    ASSERT_EQ(text.ByteOf(character), static_cast<std::int64_t>(byte)) << character;
    ASSERT_EQ(text.CharacterOf(static_cast<std::int64_t>(byte)), character) << byte;
    ++character;
  }
  EXPECT_EQ(text.characters(), character);
  EXPECT_EQ(text.ByteOf(character), text.bytes());
  EXPECT_EQ(text.CharacterOf(text.bytes()), character);
}

TEST(CitedText, PlacesThatAreNotInItAreNone) {
  CitedText text;
  EXPECT_EQ(text.ByteOf(0), 0);
  EXPECT_EQ(text.ByteOf(1), -1);
  text.Append("é");
  EXPECT_EQ(text.ByteOf(-1), -1);
  EXPECT_EQ(text.ByteOf(2), -1);
  EXPECT_EQ(text.CharacterOf(3), -1);
  EXPECT_EQ(text.CharacterOf(-1), -1);
  EXPECT_EQ(text.Between(0, 2), "é");
  EXPECT_EQ(text.Between(1, 0), "");
  EXPECT_EQ(text.Between(0, 3), "");
}

TEST(CitedText, WhatIsBeyondTheLimitIsNotKeptAndHasNoPlace) {
  CitedText text;
  text.Append(std::string(kCitableTextBytesMax - 1, 'a'));
  EXPECT_EQ(text.ByteOf(text.characters()), text.bytes());
  text.Append("bc");
  text.Append("d");
  EXPECT_EQ(text.bytes(), static_cast<std::int64_t>(kCitableTextBytesMax) - 1);
  EXPECT_EQ(text.ByteOf(7), 7);
  EXPECT_EQ(text.ByteOf(text.characters()), -1) << "there is more text than was kept";
}

}  // namespace
}  // namespace tidegate::protocols::cohere_chat
