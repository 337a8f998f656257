#include "profile/byte_blocks.h"

#include <functional>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace tidegate::profile {
namespace {

// Texts of every length around the sizes of vectors and blocks, of bytes drawn evenly from
// `alphabet`.
void ForTexts(std::string_view alphabet, const std::function<void(std::string_view)>& check) {
  std::mt19937 random(7);  // the same texts every time
  for (std::size_t size = 0; size < 200; ++size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += alphabet[random() % alphabet.size()];
    check(text);
  }
}

std::string AllBytes() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  return bytes;
}

const std::string kPlain = "The end,  of 12 `words` -- it's {x};\n\n\tA+B/c [0] ^ = \\ < > | ~ @ Z";

TEST(ByteBlocks, CountsAreThoseOfTheDefinitionAtEveryLength) {
  for (const std::string& alphabet : {AllBytes(), kPlain, std::string("  a"), std::string("é😀x")}) {
    ForTexts(alphabet, [](std::string_view text) {
      EXPECT_EQ(CountBytes(text), CountBytesOneByOne(text)) << text.size();
    });
  }
}

TEST(ByteBlocks, CountersOfALongTextDoNotOverflow) {
  for (const char c : {'a', ' ', '7', '!', '\x80', '\xC3', '\xE2', '\xF0'}) {
    const std::string text(100'003, c);
    EXPECT_EQ(CountBytes(text), CountBytesOneByOne(text)) << static_cast<int>(c);
  }
}

TEST(ByteBlocks, EveryByteHasOneClass) {
  const ByteCounts counts = CountBytes(AllBytes());
  EXPECT_EQ(counts.letters, 52);
  EXPECT_EQ(counts.digits, 10);
  EXPECT_EQ(counts.space, 33);
  EXPECT_EQ(counts.repeated_space, 32);
  EXPECT_EQ(counts.continuations, 64);
  EXPECT_EQ(counts.two_byte, 32);
  EXPECT_EQ(counts.three_byte, 16);
  EXPECT_EQ(counts.four_byte, 16);
  EXPECT_EQ(counts.marks, 128 - 52 - 10 - 33);
}

TEST(ByteBlocks, MasksAreThoseOfTheDefinitionAtEveryLength) {
  for (const std::string& alphabet : {AllBytes(), kPlain}) {
    ForTexts(alphabet, [](std::string_view text) {
      EXPECT_EQ(MasksOf(text), MasksOfOneByOne(text)) << text.size();
    });
  }
}

TEST(ByteBlocks, AMaskHasABitForEachByteThatItNames) {
  const BlockMasks masks = MasksOf("it's a-b {`");
  EXPECT_EQ(masks.letters, 0b000'1010'1111U);
  EXPECT_EQ(masks.words, 0b000'1110'1111U);
  EXPECT_EQ(masks.marks, 0b110'0000'0000U);
}

}  // namespace
}  // namespace tidegate::profile
